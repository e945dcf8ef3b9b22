//! Tests of rendering stand with the vendor's vectors, which are read where they are.
