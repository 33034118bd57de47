// Draws a board from its JSON and the answers to its queries, with Grafana's own components where
// they are published. What is not (the state timeline, the frame of the page) is drawn here as
// plainly as possible. It is a preview for readers of the repository, and not Grafana.

import React from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, dateTime, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import { shown } from './frames.js';
import { draw } from './panels.js';

const h = React.createElement;
const ROW = 30, GAP = 8, COLUMNS = 24, HEAD = 44;
const FONT = '"Noto Sans CJK KR", "Noto Sans KR", sans-serif';

const theme = createTheme({
  colors: { mode: 'dark' },
  typography: { fontFamily: FONT },
});

function Panel({ panel, answers, range, unit }) {
  const { x, y, w, h: rows } = panel.gridPos;
  const width = w * unit - GAP, height = rows * (ROW + GAP) - GAP;
  const style = { position: 'absolute', left: x * unit, top: y * (ROW + GAP), width, height };
  const data = shown(panel, answers, theme, range);
  return h('div', { style },
    h(PanelChrome, { title: panel.title, width, height, padding: panel.type === 'table' ? 'none' : 'md' },
      (innerWidth, innerHeight) => draw(panel, data, { width: innerWidth, height: innerHeight, theme, range, step: answers.step })));
}

function Head({ board, caption }) {
  return h('div', { style: { height: HEAD, display: 'flex', alignItems: 'center', gap: 24, fontSize: 18 } },
    h('b', null, board.title),
    h('span', { style: { color: '#9fa7b3', fontSize: 15 } }, board.description),
    h('span', { style: { marginLeft: 'auto', color: '#9fa7b3', fontSize: 15 } }, caption));
}

function Board({ board, answers, range, caption, width }) {
  const unit = (width - GAP) / COLUMNS;
  return h('div', { style: { padding: `0 ${GAP}px`, color: theme.colors.text.primary, fontFamily: FONT } },
    h(Head, { board, caption }),
    h('div', { style: { position: 'relative' } },
      board.panels.map((panel) => h(Panel, {
        key: panel.id, panel, answers: answers[panel.id], unit, range,
      }))));
}

const { board, answers, start, end, caption } = window.preview;
const range = { from: dateTime(start * 1000), to: dateTime(end * 1000), raw: { from: 'now-1h', to: 'now' } };
document.body.style.background = theme.colors.background.canvas;
createRoot(document.getElementById('root')).render(
  h(ThemeContext.Provider, { value: theme },
    h(GlobalStyles), h(Board, { board, answers, range, caption, width: window.innerWidth - GAP })));
