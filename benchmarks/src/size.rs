//! Part `size`: the size of a program that only installs a library, and how many crates it takes.

use std::collections::BTreeSet;

use harness::Error;

use crate::args::Options;
use crate::generated::Generated;
use crate::table::{Table, number};

/// A program that installs a library with its default features.
struct Program {
    name: &'static str,
    dependencies: &'static str,
    /// The statements of `main`.
    main: &'static str,
}

const SUBSCRIBER: &str =
    r#"tracing-subscriber = { version = "0.3", default-features = false, features = ["registry", "std"] }"#;

const PROGRAMS: &[Program] = &[
    Program {
        name: "registry",
        dependencies: "",
        main: "use tracing_subscriber::prelude::*;
               tracing_subscriber::registry().init();",
    },
    Program {
        name: "promptlayer-tracing",
        dependencies: "",
        main: "use tracing_subscriber::prelude::*;
               let (layer, _guard) = promptlayer_tracing::layer().build()?;
               tracing_subscriber::registry().with(layer).init();",
    },
    Program {
        name: "opentelemetry-otlp",
        dependencies: r#"opentelemetry = "0.33"
opentelemetry-otlp = "0.33"
opentelemetry_sdk = "0.33"
tracing-opentelemetry = "0.34""#,
        main: "use tracing_subscriber::prelude::*;
               use opentelemetry::trace::TracerProvider as _;
               let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build()?;
               let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder();
               let provider = provider.with_batch_exporter(exporter).build();
               let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer(\"program\"));
               tracing_subscriber::registry().with(layer).init();
               provider.shutdown()?;",
    },
    Program {
        name: "sentry",
        dependencies: "sentry = { version = \"0.49\", features = [\"tracing\"] }",
        main: "use tracing_subscriber::prelude::*;
               let _guard = sentry::init(std::env::var(\"DSN\")?.as_str());
               tracing_subscriber::registry().with(sentry::integrations::tracing::SpanLayer::new()).init();",
    },
    Program {
        name: "logfire",
        dependencies: "logfire = \"0.13\"",
        main: "let _guard = logfire::configure().finish()?.shutdown_guard();",
    },
];

pub(crate) fn run(_: &Options) -> Result<(), Error> {
    let columns = ["program", "stripped release binary, MiB", "crates"];
    let mut table = Table::new("A program that installs a library with its default features", columns);
    for program in PROGRAMS {
        match measured(program) {
            Ok((bytes, crates)) => {
                let mib = number(bytes as f64 / f64::from(1 << 20));
                table.row(program.name, [Some(mib), Some(crates.to_string())]);
            }
            Err(error) => {
                eprintln!("{error}");
                table.row(program.name, [Some("does not build here".to_owned()), None]);
            }
        }
    }
    table.print();
    Ok(())
}

/// Returns the size of the binary in bytes, and the number of crates besides the program.
fn measured(program: &Program) -> Result<(u64, usize), Error> {
    let name = format!("with-{}", program.name);
    let ours =
        if program.main.contains("promptlayer_tracing") { Generated::our_library()? } else { String::new() };
    let dependencies = format!("{SUBSCRIBER}\n{}\n{ours}", program.dependencies);
    let package = Generated::new("size", &name, &dependencies)?;
    let main = program.main;
    let source =
        format!("fn main() -> Result<(), Box<dyn std::error::Error>> {{\n    {main}\n    Ok(())\n}}\n");
    package.write("main.rs", &source)?;
    package.cargo(&["build", "--release", "--quiet"])?;
    let tree = package.cargo(&["tree", "--edges", "normal", "--prefix", "none"])?;
    let crates: BTreeSet<_> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    Ok((package.binary_size(&name)?, crates.len() - 1))
}
