//! Where the profile is: what was asked for, else the environment's, else the one at its usual place.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sealpost_client::gateway;
use sealpost_client::profile::Profile;

use crate::failure::{Exit, Failure};

const VARIABLE: &str = "SEALPOST_PROFILE";

/// Finds and reads the profile.
pub(crate) fn read(asked: Option<&Path>) -> Result<Profile, Failure> {
    let path = find(asked, |name| env::var_os(name).filter(|value| !value.is_empty()));
    let Some(path) = path else {
        return Err(none("there is no profile, and no home folder to look for one in"));
    };
    if !path.exists() {
        return Err(none(&format!("there is no profile at {}", path.display())));
    }
    Profile::read(&path).map_err(|error| gateway::Error::from(error).into())
}

fn none(what: &str) -> Failure {
    let remedy = format!(
        "name it with --profile FILE or in {VARIABLE}, or put it at ~/.config/sealpost/sealpost.toml; \
         `sealpost-admin network init` writes one for each agency, at agencies/HK-CED/sealpost.toml and so on"
    );
    Failure::new(Exit::Usage, what, remedy)
}

fn find(asked: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(path) = asked {
        return Some(path.to_owned());
    }
    if let Some(path) = variable(VARIABLE) {
        return Some(path.into());
    }
    Some(folder(&variable, "XDG_CONFIG_HOME", ".config")?.join("sealpost/sealpost.toml"))
}

/// Where this user's state lies.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    Some(folder(&variable, "XDG_STATE_HOME", ".local/state")?.join("sealpost"))
}

fn folder(variable: &impl Fn(&str) -> Option<OsString>, name: &str, below_home: &str) -> Option<PathBuf> {
    match variable(name) {
        Some(folder) => Some(folder.into()),
        None => Some(PathBuf::from(variable("HOME")?).join(below_home)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(asked: Option<&str>, set: &[(&str, &str)]) -> Option<String> {
        let variable =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        find(asked.map(Path::new), variable).map(|path| path.display().to_string())
    }

    #[test]
    fn the_nearest_wish_wins() {
        let all = [("SEALPOST_PROFILE", "/env.toml"), ("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/officer")];
        assert_eq!(found(Some("/asked.toml"), &all).as_deref(), Some("/asked.toml"));
        assert_eq!(found(None, &all).as_deref(), Some("/env.toml"));
        assert_eq!(found(None, &all[1..]).as_deref(), Some("/xdg/sealpost/sealpost.toml"));
        assert_eq!(found(None, &all[2..]).as_deref(), Some("/home/officer/.config/sealpost/sealpost.toml"));
        assert_eq!(found(None, &[]), None);
    }
}
