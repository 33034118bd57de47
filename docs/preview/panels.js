// One kind of panel each, at its size.

import React from 'react';
import {
  getDisplayValueAlignmentFactors, getFieldDisplayName,
  getFieldDisplayValues,
} from '@grafana/data';
import { BarGauge, BigValue, BigValueTextMode, Table, TimeSeries, VizRepeater } from '@grafana/ui';

const h = React.createElement;
const ZONE = 'Asia/Seoul';
const LABELS = 190;

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
    text: options.text, wideLayout: options.wideLayout,
  }), 3);
}

function bars(panel, data, place) {
  const { options } = panel;
  return repeated(panel, data, place, ({ value, width, height, alignmentFactors, orientation }) => h(BarGauge, {
    value: value.display, width, height, orientation, field: value.field, theme: place.theme,
    itemSpacing: 2, lcdCellWidth: 12, displayMode: options.displayMode, showUnfilled: options.showUnfilled,
    valueDisplayMode: options.valueMode, namePlacement: options.namePlacement, display: value.view?.getFieldDisplayProcessor?.(value.colIndex),
    alignmentFactors, text: { titleSize: 13, valueSize: 15 },
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
  const from = place.range.from.valueOf(), span = place.range.to.valueOf() - from;
  const axis = 22, row = (place.height - axis) / data.length, wide = place.width - LABELS;
  const lines = data.map((frame) => {
    const [time, value] = frame.fields;
    const step = Math.min(...time.values.slice(1).map((at, i) => at - time.values[i]), 60000);
    const runs = [];
    time.values.forEach((at, i) => {
      const last = runs.at(-1);
      if (last && last.value === value.values[i] && at - last.end <= 1.5 * step) last.end = at;
      else runs.push({ start: at, end: at, value: value.values[i] });
    });
    return h('div', { key: getFieldDisplayName(value, frame), style: { display: 'flex', height: row } },
      h('div', { style: { width: LABELS, paddingRight: 8, fontSize: 13, lineHeight: `${row}px`, textAlign: 'right', whiteSpace: 'nowrap', overflow: 'hidden', textOverflow: 'ellipsis' } }, getFieldDisplayName(value, frame)),
      h('div', { style: { position: 'relative', width: wide } }, runs.map((run) => h('div', {
        key: run.start, style: {
          position: 'absolute', top: row * 0.08, height: row * 0.84, background: value.display(run.value).color,
          left: (run.start - from) / span * wide, width: Math.max(2, Math.min((run.end - run.start + step) / span, 1 - (run.start - from) / span) * wide),
        } }))));
  });
  const clock = (part) => new Date(from + part * span).toLocaleTimeString('ko-KR', { timeZone: ZONE, hour12: false, hour: '2-digit', minute: '2-digit' });
  return h('div', null, lines, h('div', { style: { marginLeft: LABELS, display: 'flex', justifyContent: 'space-between', fontSize: 12, color: '#9fa7b3' } },
    [0, 0.25, 0.5, 0.75, 1].map((part) => h('span', { key: part }, clock(part)))));
}

function nothing(panel) {
  return h('div', { style: { height: '100%', display: 'flex', alignItems: 'center', justifyContent: 'center', color: '#9fa7b3', fontSize: 18 } },
    panel.fieldConfig.defaults.noValue);
}

export function draw(panel, data, place) {
  const kind = { stat, bargauge: bars, table, timeseries: graph, 'state-timeline': timeline }[panel.type];
  return kind(panel, data, place);
}
