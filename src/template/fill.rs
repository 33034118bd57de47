//! Fills templates in at the last moment, for the host that will receive them. How a text is
//! encoded is mostly the place's business (a form, a JSON string, a header).

use encoding_rs::Encoding;
use url::Url;

use super::pipe::{self, Piped, Unfit};
use super::{Function, Part, Pipe, Source, Template};
use crate::outcome::{Failure, Reason};
use crate::receiver::Receiver;
use crate::secret::Secret;

/// Of what is filled in for one template; a page that is captured whole is a mistake.
const FILLED_BYTES_MAX: usize = 1 << 20;

/// Whoever knows what sources of one kind stand for.
pub trait Values<S> {
    /// The value to send to a server, or why it may not be sent there.
    fn value(&self, source: &S, to: &Receiver) -> Result<Secret, Failure>;

    /// Whether what is made of it is as private as the value itself.
    fn is_private(&self, _: &S) -> bool {
        false
    }

    /// Learns what was made of a private value, so that it is masked wherever text leaves the
    /// process.
    fn learn(&self, _: Secret) {}
}

impl<S: Source> Template<S> {
    /// The whole text, to be sent to a server.
    pub fn fill(&self, values: &dyn Values<S>, to: &Receiver) -> Result<Secret, Failure> {
        self.write(values, to, |text, value, _| text.push_str(value))
    }

    /// Bytes to be signed: texts in a charset, and what a pipe has decoded as it is.
    pub fn fill_bytes(
        &self,
        values: &dyn Values<S>,
        charset: &'static Encoding,
    ) -> Result<Vec<u8>, Failure> {
        let nobody = Receiver::any_port("");
        let mut bytes = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => bytes.extend(encoded(plain, charset)?),
                Part::Value { source, pipes } => match through(values, source, pipes, &nobody)?.0 {
                    Piped::Text(text) => bytes.extend(encoded(&text, charset)?),
                    Piped::Bytes(made) | Piped::Hexed(made) => bytes.extend(made),
                },
            }
            if bytes.len() > FILLED_BYTES_MAX {
                return Err(too_large());
            }
        }
        Ok(bytes)
    }

    /// A JSON document, whose values stand in its strings.
    pub fn fill_json(&self, values: &dyn Values<S>, to: &Receiver) -> Result<Secret, Failure> {
        self.write(values, to, |text, value, _| text.push_str(&json_escaped(value)))
    }

    /// A URL: values behind the first text are percent-encoded, so that a captured `a&b` stays one
    /// parameter; a value that begins the URL is a URL itself. Secrets do not stand in URLs.
    pub fn fill_url(&self, values: &dyn Values<S>, base: Option<&Url>) -> Result<Url, Failure> {
        let nobody = Receiver::any_port("");
        let text = self.write(values, &nobody, |text, value, pipes| {
            let last = pipes.last().map(|pipe| pipe.function);
            if text.is_empty() || last == Some(Function::UrlEncode) {
                text.push_str(value);
            } else {
                let in_query = text.contains(['?', '#']);
                text.push_str(&pipe::url_encoded(value.as_bytes(), in_query));
            }
        })?;
        let text = text.expose().trim();
        let url = match base {
            Some(base) => base.join(text),
            None => Url::parse(text),
        };
        // The text may hold a captured token and is not shown.
        let wrong = |said: &str| Failure::new(Reason::CaptureMissing, said);
        let mut url = url.map_err(|_| wrong("the captured values do not make a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong("the captured values do not make an http or https URL"));
        }
        if url.port() == Some(0) {
            return Err(wrong("the captured values make a URL of port 0, which nobody listens at"));
        }
        url.set_fragment(None);
        Ok(url)
    }

    fn write(
        &self,
        values: &dyn Values<S>,
        to: &Receiver,
        write: impl Fn(&mut String, &str, &[Pipe<S>]),
    ) -> Result<Secret, Failure> {
        let mut text = String::new();
        let mut filled = 0;
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value { source, pipes } => {
                    let value = piped(values, source, pipes, to)?;
                    filled += value.expose().len();
                    if filled > FILLED_BYTES_MAX {
                        return Err(too_large());
                    }
                    write(&mut text, value.expose(), pipes);
                }
            }
        }
        Ok(Secret::new(text))
    }
}

fn too_large() -> Failure {
    let detail = format!("a filled-in value is larger than {FILLED_BYTES_MAX} bytes");
    Failure::new(Reason::Internal, detail)
}

/// A text in a charset that has all of its characters.
fn encoded(text: &str, charset: &'static Encoding) -> Result<Vec<u8>, Failure> {
    let (bytes, _, unmappable) = charset.encode(text);
    if unmappable {
        let detail = format!("a text has characters that {} does not have", charset.name());
        return Err(Failure::new(Reason::SignFailed, detail));
    }
    Ok(bytes.into_owned())
}

/// A value after all its pipes as text.
fn piped<S: Source>(
    values: &dyn Values<S>,
    source: &S,
    pipes: &[Pipe<S>],
    to: &Receiver,
) -> Result<Secret, Failure> {
    let (value, from) = through(values, source, pipes, to)?;
    let text = value.text().map_err(|unfit| match unfit {
        Unfit::Value(said) | Unfit::Operand(said) | Unfit::Together(said) => {
            Failure::new(whose(&from), format!("a value: {said}"))
        }
    })?;
    Ok(Secret::new(text))
}

/// A value after all its pipes, and what it was made of. It may be bytes that are no text.
fn through<'s, S: Source>(
    values: &dyn Values<S>,
    source: &'s S,
    pipes: &'s [Pipe<S>],
    to: &Receiver,
) -> Result<(Piped, Vec<&'s S>), Failure> {
    let mut from: Vec<&S> = source.roots().iter().collect();
    let mut value = Piped::Text(values.value(source, to)?.expose().to_owned());
    for Pipe { function, operands } in pipes {
        let with: Vec<&S> = operands.iter().flat_map(S::roots).collect();
        let filled = operands.iter().map(|operand| values.value(operand, to));
        let filled: Vec<Secret> = filled.collect::<Result<_, _>>()?;
        value = function.apply(&value, &filled).map_err(|unfit| match unfit {
            Unfit::Value(said) => Failure::new(whose(&from), format!("a value: {said}")),
            Unfit::Operand(said) => Failure::new(whose(&with), said),
            Unfit::Together(said) => Failure::new(Reason::Internal, said),
        })?;
        if value.len() > FILLED_BYTES_MAX {
            return Err(too_large());
        }
        from.extend(with);
        if from.iter().any(|root| values.is_private(root)) {
            value.shown().into_iter().for_each(|shown| values.learn(shown));
        }
    }
    Ok((value, from))
}

/// Whose mistake a value is that is made of these: a page that gives no good key has changed; a
/// secret or a word of the file is ours.
fn whose<S: Source>(roots: &[&S]) -> Reason {
    let ours = |root: &&S| root.secret().is_some() || !root.text().is_empty();
    if !roots.iter().all(ours) {
        Reason::CaptureMissing
    } else if roots.iter().any(|root| root.secret().is_some()) {
        Reason::SecretMissing
    } else {
        Reason::Internal
    }
}

/// A text between the quotes of a JSON string.
pub(super) fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::SecretOnly;
    use proptest::prelude::*;

    /// Every name is its own value.
    struct Echo;

    impl Values<SecretOnly> for Echo {
        fn value(&self, source: &SecretOnly, _: &Receiver) -> Result<Secret, Failure> {
            Ok(Secret::new(&*source.0))
        }
    }

    fn named(name: &str) -> Part {
        SecretOnly(name.into()).into()
    }

    fn text(text: &str) -> Part {
        Part::Text(text.into())
    }

    #[test]
    fn values_are_texts_and_never_numbers() {
        for value in ["00123", "1.10", " x "] {
            let template = Template { parts: vec![named(value)] };
            assert_eq!(
                template.fill(&Echo, &Receiver::any_port("a.go.kr")).unwrap().expose(),
                value
            );
        }
    }

    #[test]
    fn a_value_stays_one_piece_of_a_url() {
        let base = Url::parse("https://a.go.kr/in/").unwrap();
        let url =
            |parts: Vec<Part>| Template { parts }.fill_url(&Echo, Some(&base)).unwrap().to_string();
        assert_eq!(
            url(vec![text("/v?tx="), named("a&b=c d"), text("&z=1")]),
            "https://a.go.kr/v?tx=a%26b%3Dc%20d&z=1"
        );
        assert_eq!(url(vec![named("https://b.go.kr/x?y=1")]), "https://b.go.kr/x?y=1");
        assert_eq!(url(vec![text("/"), named("app/비")]), "https://a.go.kr/app/%EB%B9%84");
    }

    proptest! {
        #[test]
        fn any_text_in_a_json_string_is_that_text_when_parsed(before in ".*", value in ".+") {
            let mut document = Template::plain("[");
            document.push_json_string(Template { parts: vec![text(&before), named(&value)] });
            document.push(text(",1.5]"));
            let json = document.fill_json(&Echo, &Receiver::any_port("h")).unwrap();
            let parsed: serde_json::Value = serde_json::from_str(json.expose()).unwrap();
            prop_assert_eq!(parsed, serde_json::json!([before + &value, 1.5]));
        }
    }

    #[test]
    fn what_is_filled_in_has_a_limit() {
        let half = "x".repeat(FILLED_BYTES_MAX / 2 + 1);
        let template = |parts| Template { parts }.fill(&Echo, &Receiver::any_port("h"));
        assert!(template(vec![named(&half)]).is_ok());
        assert!(template(vec![named(&half), named(&half)]).is_err());
    }
}
