//! A parsed page that knows which form each control belongs to.
//!
//! HTML ties a control to the form whose tags it stands between, wherever the parser then puts the
//! two in the tree (HTML standard, "form element pointer"): in tables and where tags cross each
//! other the form is not the control's ancestor, and browsers send the control all the same. The
//! tree alone has lost that, so it is written down while the page is parsed.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, QualName, ns};
use scraper::{ElementRef, Html, HtmlTreeSink, Selector};

use crate::offload::Budget;
use crate::probe::markup;

type NodeId = <HtmlTreeSink as TreeSink>::Handle;

/// A page with the forms of its controls.
pub(in crate::probe::login) struct Document<'b> {
    budget: &'b Budget,
    html: Html,
    /// The form of a control, where the parser tied them together.
    tied: HashMap<NodeId, NodeId>,
}

impl<'b> Document<'b> {
    /// Parses a page; `None` where that would take longer than it may.
    pub(in crate::probe::login) fn parse(text: &str, budget: &'b Budget) -> Option<Document<'b>> {
        let tree = HtmlTreeSink::new(Html::new_document());
        let sink = FormSink { tree, tied: RefCell::default() };
        let nodes = |sink: &FormSink| sink.tree.0.borrow().tree.nodes().len();
        let (html, tied) = markup::parse_into(sink, nodes, text, budget)?;
        Some(Document { budget, html, tied })
    }

    /// As [`markup::matching`].
    pub(in crate::probe::login) fn all<'d>(
        &'d self,
        selector: &str,
    ) -> impl Iterator<Item = ElementRef<'d>> {
        // Checked at load.
        let selector = Selector::parse(selector).ok();
        let found: Vec<NodeId> = match &selector {
            Some(selector) => {
                let found = markup::matching(&self.html, selector, self.budget);
                found.map(|element| element.id()).collect()
            }
            None => Vec::new(),
        };
        found.into_iter().filter_map(|id| self.html.tree.get(id).and_then(ElementRef::wrap))
    }

    pub(in crate::probe::login) fn first(&self, selector: &str) -> Option<ElementRef<'_>> {
        self.all(selector).next()
    }

    /// The controls of a form in the page's order, wherever on the page they are (HTML standard,
    /// "reset the form owner").
    pub(in crate::probe::login) fn controls<'d>(
        &'d self,
        form: ElementRef<'d>,
    ) -> Vec<ElementRef<'d>> {
        // A control that names its form means the first element of that name.
        let id = form.attr("id").filter(|id| !id.is_empty());
        let own = |id: &str| self.all("[id]").find(|element| element.attr("id") == Some(id));
        let id = id.filter(|id| own(id) == Some(form));
        let belongs = |control: &ElementRef<'_>| {
            // Within a drawing it is a shape of that name.
            if control.value().name.ns != ns!(html) {
                return false;
            }
            if let Some(named) = control.attr("form") {
                return Some(named) == id;
            }
            let is_form = |element: &ElementRef<'_>| element.value().name() == "form";
            match self.tied.get(&control.id()) {
                Some(tied) => *tied == form.id(),
                None => {
                    control.ancestors().filter_map(ElementRef::wrap).find(is_form) == Some(form)
                }
            }
        };
        self.all("input, button, select, textarea").filter(belongs).collect()
    }
}

/// The tree of scraper, with the ties written down beside it.
struct FormSink {
    tree: HtmlTreeSink,
    tied: RefCell<HashMap<NodeId, NodeId>>,
}

impl TreeSink for FormSink {
    type Handle = NodeId;
    type Output = (Html, HashMap<NodeId, NodeId>);
    type ElemName<'a> = <HtmlTreeSink as TreeSink>::ElemName<'a>;

    fn finish(self) -> Self::Output {
        (self.tree.finish(), self.tied.into_inner())
    }

    fn associate_with_form(&self, control: &NodeId, form: &NodeId, _: (&NodeId, Option<&NodeId>)) {
        self.tied.borrow_mut().insert(*control, *form);
    }

    fn parse_error(&self, message: Cow<'static, str>) {
        self.tree.parse_error(message);
    }

    fn get_document(&self) -> NodeId {
        self.tree.get_document()
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Self::ElemName<'a> {
        self.tree.elem_name(target)
    }

    fn create_element(
        &self,
        name: QualName,
        attributes: Vec<Attribute>,
        flags: ElementFlags,
    ) -> NodeId {
        self.tree.create_element(name, attributes, flags)
    }

    fn create_comment(&self, text: StrTendril) -> NodeId {
        self.tree.create_comment(text)
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeId {
        self.tree.create_pi(target, data)
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        self.tree.append(parent, child);
    }

    fn append_based_on_parent_node(
        &self,
        element: &NodeId,
        previous: &NodeId,
        child: NodeOrText<NodeId>,
    ) {
        self.tree.append_based_on_parent_node(element, previous, child);
    }

    fn append_doctype_to_document(
        &self,
        name: StrTendril,
        public_id: StrTendril,
        system_id: StrTendril,
    ) {
        self.tree.append_doctype_to_document(name, public_id, system_id);
    }

    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        self.tree.get_template_contents(target)
    }

    fn same_node(&self, one: &NodeId, other: &NodeId) -> bool {
        self.tree.same_node(one, other)
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.tree.set_quirks_mode(mode);
    }

    fn append_before_sibling(&self, sibling: &NodeId, node: NodeOrText<NodeId>) {
        self.tree.append_before_sibling(sibling, node);
    }

    fn add_attrs_if_missing(&self, target: &NodeId, attributes: Vec<Attribute>) {
        self.tree.add_attrs_if_missing(target, attributes);
    }

    fn remove_from_parent(&self, target: &NodeId) {
        self.tree.remove_from_parent(target);
    }

    fn reparent_children(&self, node: &NodeId, parent: &NodeId) {
        self.tree.reparent_children(node, parent);
    }
}
