//! The command that sets a password: said by the log for whoever comes first, and by the command itself.

use std::path::Path;

/// In its place comes an operator's number, or the id of a `[[web.person]]`.
const WHO: &str = "WHO";

/// Right in every folder of the hotline's machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordCommand(Box<str>);

impl PasswordCommand {
    pub fn of_this_program(config: &Path, data: &Path) -> PasswordCommand {
        let program = std::env::args().next().unwrap_or_else(|| "hotline".into());
        PasswordCommand::new(&program, config, data)
    }

    /// A program without a folder is found without it.
    pub fn new(program: &str, config: &Path, data: &Path) -> PasswordCommand {
        let whole = |path: &Path| quoted(&std::path::absolute(path).unwrap_or_else(|_| path.into()).to_string_lossy());
        let program = if program.contains('/') { whole(Path::new(program)) } else { quoted(program) };
        let command = format!("{program} password {WHO} --config {} --data {}", whole(config), whole(data));
        PasswordCommand(command.into())
    }

    /// For `WHO`.
    pub fn open(&self) -> &str {
        &self.0
    }

    pub fn of(&self, who: &str) -> String {
        self.0.replacen(&format!("password {WHO}"), &format!("password {who}"), 1)
    }
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_string(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_a_password_is_right_in_every_folder() {
        let command =
            |program: &str, config: &str| PasswordCommand::new(program, Path::new(config), Path::new("/srv/data"));
        let told = |program: &str, config: &str| command(program, config).open().to_string();
        let installed = "hotline password WHO --config /etc/hotline --data /srv/data";
        assert_eq!(told("hotline", "/etc/hotline"), installed);
        assert_eq!(told("/usr/bin/hotline", "/etc/hotline"), format!("/usr/bin/{installed}"));
        let here = std::env::current_dir().unwrap();
        let at = |path: &str| quoted(&here.join(path).to_string_lossy());
        assert_eq!(
            told("target/release/hotline", "sip-config"),
            format!("{} password WHO --config {} --data /srv/data", at("target/release/hotline"), at("sip-config"))
        );
        let spaced = command("hotline", "/etc/it's a $house");
        assert_eq!(spaced.of("admin"), r"hotline password admin --config '/etc/it'\''s a $house' --data /srv/data");
    }
}
