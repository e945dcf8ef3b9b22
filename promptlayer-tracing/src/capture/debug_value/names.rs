//! The notations of names: `toolUse`, `tool_use`.

/// Converts a name in camel case to snake case.
pub(super) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

/// Converts a name in snake case, or with a capital first letter, to camel case.
pub(super) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut is_start_of_word = false;
    for character in name.chars() {
        if character == '_' {
            is_start_of_word = true;
        } else if is_start_of_word && !camel.is_empty() {
            camel.extend(character.to_uppercase());
            is_start_of_word = false;
        } else if camel.is_empty() {
            camel.extend(character.to_lowercase());
            is_start_of_word = false;
        } else {
            camel.push(character);
        }
    }
    camel
}
