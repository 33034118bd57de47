//! HTML from anyone, parsed as browsers do and within a [`Budget`].
//!
//! An HTML parser looks through its open elements at every tag, and through a tag's attributes at
//! every attribute, so a page of nothing but `<div>` costs the square of its size. A count of tags
//! does not tell such a page from a sloppy one, because what a tag closes only the parser knows. So
//! the parser is given a page piece by piece, and is left in the middle when its time is over.

use html5ever::driver;
use html5ever::interface::TreeSink;
use html5ever::tendril::TendrilSink;
use scraper::{ElementRef, Html, HtmlTreeSink, Selector, StrTendril};

use crate::offload::Budget;

/// Bytes that the parser is given at a time. With 100,000 open elements a piece takes a tenth of a
/// second.
const PIECE_BYTES: usize = 1 << 10;

/// Elements, texts and comments of one page: some 200 MB.
///
/// Limit: elements, texts and comments of a page.
/// Share: of each page.
/// Full: the run is unknown.
/// Filled: a_page_of_too_many_elements_is_left
pub const NODES_MAX: usize = 1_000_000;

/// Parses a page; `None` where that would take more time or memory than it may, and then the budget
/// is exhausted.
pub fn parse(text: &str, budget: &Budget) -> Option<Html> {
    let nodes = |sink: &HtmlTreeSink| sink.0.borrow().tree.nodes().len();
    parse_into(HtmlTreeSink::new(Html::new_document()), nodes, text, budget)
}

/// Parses a page into a tree of the caller's, which says how many nodes it has.
pub fn parse_into<S: TreeSink>(
    sink: S,
    nodes: impl Fn(&S) -> usize,
    text: &str,
    budget: &Budget,
) -> Option<S::Output> {
    let mut parser = driver::parse_document(sink, driver::ParseOpts::default());
    let mut rest = text;
    while !rest.is_empty() {
        let mut end = rest.len().min(PIECE_BYTES);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        parser.process(StrTendril::from_slice(piece));
        if nodes(&parser.tokenizer.sink.sink) > NODES_MAX {
            budget.exhaust();
        }
        if !budget.is_left() {
            return None;
        }
    }
    Some(parser.finish())
}

/// The elements that match, in the page's order; the content of a template is no part of the page. They
/// end early when the budget is exhausted.
pub fn matching<'d>(
    document: &'d Html,
    selector: &'d Selector,
    budget: &'d Budget,
) -> impl Iterator<Item = ElementRef<'d>> {
    let elements = document.tree.nodes().filter_map(ElementRef::wrap);
    let in_time = elements.take_while(|_| budget.is_left());
    let is_met = |element: &ElementRef<'_>| {
        element.parent().is_some() && selector.matches(element) && !is_inert(*element)
    };
    in_time.filter(is_met)
}

/// Whether it is in the content of a template, which the parser puts into the tree like any other.
pub fn is_inert(element: ElementRef<'_>) -> bool {
    element.ancestors().filter_map(ElementRef::wrap).any(|above| above.value().name() == "template")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn within(time: Duration) -> Budget {
        Budget::until(Instant::now() + time)
    }

    /// An unoptimised build is tens of times slower than the program.
    const PLENTY: Duration = Duration::from_secs(60);

    #[test]
    fn a_page_is_left_when_its_time_is_over() {
        let attributes: String = (0..200_000).map(|n| format!(" a{n}=1")).collect();
        for page in [
            "<div>".repeat(200_000),
            "<b><i><a>".repeat(100_000),
            "<div>".repeat(500) + &"<li>".repeat(2_500_000),
            format!("<p{attributes}>"),
        ] {
            let (budget, start) = (within(Duration::from_millis(100)), Instant::now());
            assert!(parse(&page, &budget).is_none(), "{}", &page[..40]);
            assert!(budget.is_exhausted());
            assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        }
    }

    #[test]
    fn a_page_of_too_many_elements_is_left() {
        let budget = within(PLENTY);
        assert!(parse(&"<p>".repeat(NODES_MAX + 1), &budget).is_none());
        assert!(budget.is_exhausted());
    }

    #[test]
    fn healthy_pages_are_parsed_however_sloppy_they_are() {
        let notice = "<p class=notice>";
        let sprite = "<symbol id=a><g><g><defs><linearGradient id=b><stop offset=0 /></linearGradient>\
                      </defs><path d='M0 0'/><tspan>x</tspan></g></g></symbol>";
        for page in [
            "<div><i>x</div>".repeat(600),
            "<p class=MsoNormal><span>x<o:p></span></p>".repeat(2_000),
            "<ul>".to_owned() + &"<li><a><span>x</a></li>".repeat(2_000) + "</ul>",
            format!("<svg>{}</svg>", sprite.repeat(1_000)),
            format!("<!-- {} -->", "<div>".repeat(5_000)),
            format!("<noscript>{}</noscript>", "<div>".repeat(700)),
            format!("<xmp>{}</xmp>", "<div>".repeat(5_000)),
            format!("<iframe>{}</iframe>", "<div>".repeat(5_000)),
            format!("<template>{}</template>", "<div><b></div>".repeat(600)),
            "<script>if (a<b) document.write('<div>')</script>".repeat(5_000),
            "<font><center><table><tr><td>".repeat(300),
            "<div>".repeat(1_000),
            format!("<p {}>", (0..1_000).map(|n| format!("data-{n}=1 ")).collect::<String>()),
            "<input value='x' disabled>".repeat(10_000),
            "a < b and <3 ".repeat(10_000),
        ] {
            let budget = within(PLENTY);
            let document = parse(&(page + notice), &budget).unwrap();
            let selector = Selector::parse("title, p").unwrap();
            assert!(matching(&document, &selector, &budget).next().is_some() || budget.is_left());
        }
    }

    #[test]
    fn pieces_make_the_same_page_as_the_whole() {
        let part = "<div class='a&amp;b'>봉수&eacute;<!-- 봉 --><script>a<b</script>\
                    <table><i>x<tr><td>y</table></div>";
        for length in [1, 9, 40, 200] {
            let page = part.repeat(length);
            let parsed = parse(&page, &within(PLENTY)).unwrap();
            assert_eq!(parsed.html(), Html::parse_document(&page).html());
        }
    }

    #[test]
    fn the_search_for_a_selector_is_left_too() {
        let page = "<p>".repeat(10_000);
        let document = parse(&page, &within(PLENTY)).unwrap();
        let selector = Selector::parse(".notice ~ p").unwrap();
        let budget = within(Duration::from_millis(20));
        assert!(matching(&document, &selector, &budget).next().is_none());
        assert!(budget.is_exhausted());
    }
}
