//! Which target is meant: a probe of the configuration, or an address.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::{ProbeArgs, TypedWord};
use crate::config::{Config, Target};
use crate::language::Language;
use crate::server::any_target;

/// Ids suggested when the wanted one does not exist.
const SUGGESTED_MAX: usize = 5;

/// For an address without a configuration.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A configuration of one target for `--url`, with the settings that a configuration without any would have.
pub(super) fn of_url(url: &str, language: Language) -> Result<Config, String> {
    if let Some(typed) = TypedWord::file(url) {
        return Err(no_address(url, typed, language));
    }
    let whole = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    any_target::config_of(&whole, Some("http"), TIMEOUT).map_err(|problem| problem + "\n")
}

fn no_address(word: &str, typed: TypedWord, language: Language) -> String {
    let said = language.pick("파일 이름입니다", "is the name of a file");
    format!("{word}: {said}\n{}", typed.instead(word, language))
}

/// What to say to somebody who gave an address or a file where an id is wanted.
pub(super) fn no_id(id: &str, language: Language) -> Option<String> {
    // A probe may be called `a/b.json`.
    let may_be_file = !id.contains('/') || id.starts_with(['/', '.', '~']);
    if let Some(typed) = TypedWord::file(id).filter(|_| may_be_file) {
        return Some(no_address(id, typed, language));
    }
    let looks_like_one = id.contains("://") || (id.contains('.') && !id.contains('/'));
    let id = base::shell_word(id);
    let said = match language {
        Language::Korean => format!(
            "{id}은(는) 감시 항목의 이름이 아니라 주소입니다. 다음과 같이 입력하십시오:\n  bongsu probe --url {id}\n"
        ),
        Language::English => format!(
            "{id} is an address and not a probe of the configuration; type:\n  bongsu probe --url {id}\n"
        ),
    };
    looks_like_one.then_some(said)
}

/// The probe of this id, or which ones there are.
pub(super) fn of_config(
    config: &Config,
    args: &ProbeArgs,
    language: Language,
) -> Result<Arc<Target>, String> {
    let mut id = args.id.clone().unwrap_or_default();
    if let Some(site) = &args.site {
        if id.contains('@') {
            return Err(match language {
                Language::Korean => format!("기관이 두 번 지정되었습니다: {id}, --site {site}\n"),
                Language::English => format!("the site is given twice: {id} and --site {site}\n"),
            });
        }
        id = format!("{id}@{site}");
    }
    match config.targets.iter().find(|target| target.id.to_string() == id) {
        Some(target) => Ok(Arc::clone(target)),
        None => Err(unknown(config, &id, language)),
    }
}

fn unknown(config: &Config, id: &str, language: Language) -> String {
    let mut ids: Vec<String> = config.targets.iter().map(|target| target.id.to_string()).collect();
    let distance = |other: &String| read::distance(id, other);
    ids.sort_by_cached_key(|other| (distance(other), other.clone()));
    ids.truncate(SUGGESTED_MAX);
    let is_off = config.disabled.iter().any(|disabled| disabled.to_string() == id);
    let nearest = ids.join(", ");
    match (language, is_off, ids.is_empty()) {
        (Language::Korean, true, _) => format!("{id}: 설정에서 꺼져 있는 감시 항목입니다.\n"),
        (Language::English, true, _) => format!("{id} is switched off in the configuration\n"),
        (Language::Korean, _, true) => {
            format!("{id}: 설정된 감시 항목이 하나도 없습니다.\n")
        }
        (Language::English, _, true) => format!("no probe {id}: none is configured\n"),
        (Language::Korean, ..) => {
            format!("{id}: 설정에 없는 감시 항목입니다. 비슷한 이름: {nearest}\n")
        }
        (Language::English, ..) => format!("no probe {id}; the nearest: {nearest}\n"),
    }
}
