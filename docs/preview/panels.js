// One kind of panel each, at its size.

import React from 'react';
import {
  getDisplayValueAlignmentFactors, getFieldDisplayName,
  getFieldDisplayValues,
} from '@grafana/data';
import { BarGauge, BigValue, BigValueTextMode, Table, TimeSeries, VizRepeater } from '@grafana/ui';

const h = React.createElement;
const ZONE = 'Asia/Seoul';
const LABEL = '13px "Noto Sans CJK KR"', AXIS_TICK = 90;

// A row's name takes the room that the longest one needs, of at most this share.
const LABELS = 0.5;
function labelsWidth(names, width) {
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = LABEL;
  return Math.min(LABELS * width, 10 + Math.ceil(Math.max(...names.map((name) => pen.measureText(name).width))));
}

function values(panel, data, theme) {
  return getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text, theme, data, timeZone: ZONE,
  });
}

function repeated(panel, data, place, draw, spacing) {
  const all = values(panel, data, place.theme);
  return h(VizRepeater, {
    getValues: () => all, source: data, renderCounter: 0, width: place.width, height: place.height,
    autoGrid: panel.type === 'stat', orientation: panel.options.orientation, itemSpacing: spacing,
    minVizHeight: panel.options.minVizHeight, maxVizHeight: panel.options.maxVizHeight,
    getAlignmentFactors: getDisplayValueAlignmentFactors,
    renderValue: draw,
  });
}

function stat(panel, data, place) {
  const { options } = panel;
  return repeated(panel, data, place, ({ value, width, height, count, alignmentFactors }) => h(BigValue, {
    value: value.display, width, height, count, alignmentFactors, theme: place.theme,
    colorMode: options.colorMode, graphMode: options.graphMode, justifyMode: options.justifyMode,
    textMode: options.textMode === 'auto' ? BigValueTextMode.Auto : options.textMode,
    text: options.text, disableWideLayout: !options.wideLayout,
  }), 3);
}

function bars(panel, data, place) {
  const { options } = panel;
  return repeated(panel, data, place, ({ value, width, height, alignmentFactors, orientation }) => h(BarGauge, {
    value: value.display, width, height, orientation, field: value.field, theme: place.theme,
    itemSpacing: 2, lcdCellWidth: 12, displayMode: options.displayMode, showUnfilled: options.showUnfilled,
    valueDisplayMode: options.valueMode, namePlacement: options.namePlacement, display: value.view?.getFieldDisplayProcessor?.(value.colIndex),
    alignmentFactors, text: options.text,
  }), 6);
}

function table(panel, data, place) {
  const [frame] = data;
  if (!frame || !frame.length) return nothing(panel);
  const size = { sm: 36, md: 42, lg: 48 }[panel.options.cellHeight];
  return h(Table, {
    data: frame, width: place.width, height: place.height, cellHeight: panel.options.cellHeight,
    columnMinWidth: 60, timeRange: place.range, enableSharedCrosshair: false, footerOptions: { show: false },
    initialSortBy: panel.options.sortBy.map((one) => ({ displayName: one.displayName, desc: one.desc })),
    key: size,
  });
}

function graph(panel, data, place) {
  if (!data.some((frame) => frame.fields[1].values.some((value) => value != null))) return nothing(panel);
  return h(TimeSeries, {
    frames: data, structureRev: 1, timeRange: place.range, timeZone: ZONE, width: place.width,
    height: place.height, legend: panel.options.legend, options: panel.options,
  });
}

// Published nowhere, so it is drawn here: a row a series, runs of one value merged.
function timeline(panel, data, place) {
  if (!data.length) return nothing(panel);
  const from = place.range.from.valueOf(), span = place.range.to.valueOf() - from, step = place.step * 1000;
  const shown = data.slice(0, panel.options.perPage), pages = Math.ceil(data.length / panel.options.perPage);
  const names = shown.map((frame) => getFieldDisplayName(frame.fields[1], frame));
  const labels = labelsWidth(names, place.width), wide = place.width - labels;
  const axis = 22, pager = pages > 1 ? 24 : 0, row = (place.height - axis - pager) / shown.length;
  const lines = shown.map((frame, number) => {
    const [time, value] = frame.fields;
    const runs = [];
    time.values.forEach((at, i) => {
      const last = runs.at(-1);
      if (last && last.value === value.values[i] && at - last.end <= 1.5 * step) last.end = at;
      else runs.push({ start: at, end: at, value: value.values[i] });
    });
    return h('div', { key: names[number], style: { display: 'flex', height: row } },
      h('div', { style: { width: labels, paddingRight: 8, font: LABEL, lineHeight: `${row}px`, textAlign: 'right', whiteSpace: 'nowrap', overflow: 'hidden', textOverflow: 'ellipsis' } }, names[number]),
      h('div', { style: { position: 'relative', width: wide } }, runs.map((run) => h('div', {
        key: run.start, style: {
          position: 'absolute', top: row * 0.08, height: row * 0.84, background: value.display(run.value).color,
          left: (run.start - from) / span * wide, width: Math.max(2, Math.min((run.end - run.start + step) / span, 1 - (run.start - from) / span) * wide),
        } }))));
  });
  const clock = (part) => new Date(from + part * span).toLocaleTimeString('ko-KR', { timeZone: ZONE, hour12: false, hour: '2-digit', minute: '2-digit' });
  const ticks = Math.max(1, Math.min(4, Math.floor(wide / AXIS_TICK) - 1));
  return h('div', null, lines,
    h('div', { style: { marginLeft: labels, display: 'flex', justifyContent: 'space-between', fontSize: 12, color: '#9fa7b3' } },
      [...Array(ticks + 1).keys()].map((tick) => h('span', { key: tick }, clock(tick / ticks)))),
    pages > 1 && h('div', { style: { textAlign: 'center', fontSize: 12, color: '#9fa7b3' } }, `1 / ${pages}`));
}

function nothing(panel) {
  return h('div', { style: { height: '100%', display: 'flex', alignItems: 'center', justifyContent: 'center', color: '#9fa7b3', fontSize: 18 } },
    panel.fieldConfig.defaults.noValue);
}

export function draw(panel, data, place) {
  const kind = { stat, bargauge: bars, table, timeseries: graph, 'state-timeline': timeline }[panel.type];
  return kind(panel, data, place);
}
