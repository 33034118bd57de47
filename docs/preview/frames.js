// From answers of Prometheus to what a panel gets in Grafana: frames, transformations, then units,
// thresholds and mappings by Grafana's own code.

import {
  applyFieldOverrides, FieldType, Registry, standardTransformers, standardTransformersRegistry,
  toDataFrame, transformDataFrame,
} from '@grafana/data';

const USED = new Set(['joinByField', 'merge', 'filterFieldsByName', 'organize']);
const ZONE = 'Asia/Seoul';
const PLAIN = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'links', 'color'];
const CUSTOM = [
  'width', 'align', 'cellOptions', 'filterable', 'drawStyle', 'lineWidth', 'fillOpacity', 'showPoints',
  'spanNulls', 'lineInterpolation', 'thresholdsStyle', 'stacking', 'lineStyle', 'pointSize',
];

const property = (id, isCustom) => ({
  id: isCustom ? `custom.${id}` : id, path: id, name: id, isCustom,
  process: (value) => value, shouldApply: () => true,
});
const properties = new Registry(() => [
  ...PLAIN.map((id) => property(id, false)), ...CUSTOM.map((id) => property(id, true)),
]);
// Some are published under two names, and the registry takes each once.
const used = new Map(Object.values(standardTransformers).filter((one) => USED.has(one?.id)).map((one) => [one.id, one]));
standardTransformersRegistry.setInit(() => [...used.values()]
  .map((one) => ({ id: one.id, name: one.name, transformation: one, editor: () => null })));

function named(legend, labels) {
  if (legend === '__auto') {
    return Object.entries(labels).filter(([name]) => name !== '__name__').map(([, value]) => value).join(' ') || 'Value';
  }
  return legend.replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? '').replace(/\s+/g, ' ').trim();
}

function series(target, answer) {
  return answer.map(({ labels, points }) => toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: points.map(([at]) => at * 1000) },
      { name: 'Value', type: FieldType.number, labels, values: points.map(([, value]) => value),
        config: { displayNameFromDS: named(target.legendFormat, labels) } },
    ],
  }));
}

function rows(target, answer, alone) {
  if (!answer.length) return [];
  const labels = [...new Set(answer.flatMap((one) => Object.keys(one.labels)))].sort();
  return [toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: answer.map((one) => one.points[0][0] * 1000) },
      ...labels.map((label) => ({
        name: label, type: FieldType.string, values: answer.map((one) => one.labels[label] ?? ''),
      })),
      { name: alone ? 'Value' : `Value #${target.refId}`, type: FieldType.number,
        values: answer.map((one) => one.points[0][1]) },
    ],
  })];
}

// Every series gets all moments, so that gaps are gaps.
function onGrid(frame, range, step) {
  const values = new Map(frame.fields[0].values.map((at, i) => [at, frame.fields[1].values[i]]));
  const times = [];
  for (let at = range.from.valueOf(); at <= range.to.valueOf(); at += step) times.push(at);
  return { ...frame, length: times.length, fields: [
    { ...frame.fields[0], values: times },
    { ...frame.fields[1], values: times.map((at) => values.get(at) ?? null) },
  ] };
}

export function shown(panel, answers, theme, range) {
  let frames = panel.targets.flatMap((target, index) => {
    const answer = answers.results[index];
    return target.format === 'table' ? rows(target, answer, panel.targets.length === 1) : series(target, answer);
  });
  if (panel.type === 'timeseries') frames = frames.map((frame) => onGrid(frame, range, answers.step * 1000));
  if (panel.transformations.length) {
    // It answers at once: all of it is here.
    transformDataFrame(panel.transformations, frames).subscribe((done) => { frames = done; });
  }
  return applyFieldOverrides({
    data: frames, fieldConfig: panel.fieldConfig, replaceVariables: (text) => text, theme,
    timeZone: ZONE, fieldConfigRegistry: properties,
  });
}
