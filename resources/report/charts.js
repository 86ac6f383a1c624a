// Charts: a panel of curves as the figures have it (axes, bands or bars, dashes, markers), as SVG.
const NS = document.getElementById('namespace').namespaceURI;
const darkMode = matchMedia('(prefers-color-scheme: dark)');

function element(name, attributes, text) {
  const node = document.createElement(name);
  for (const key in attributes || {}) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  return node;
}

function shape(name, attributes, parent, text) {
  const node = document.createElementNS(NS, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

function short(value) {
  if (value === null || value === undefined) return '\u2013';
  const size = Math.abs(value);
  if (size === 0) return '0';
  const text = size >= 1000 ? value.toFixed(0) : size >= 0.001 ? String(Number(value.toPrecision(3))) : value.toExponential(1).replace('.0e', 'e');
  return text.replaceAll('-', '\u2212');
}

function colorOf(series) {
  return series.reference ? 'var(--quiet)' : darkMode.matches ? series.darkColor : series.lightColor;
}

// Round numbers between low and high.
function ticks(low, high, logarithmic, most) {
  const list = [];
  if (logarithmic) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    const fine = last - first < 1 ? [1, 2, 5] : [1];
    for (let power = first - 1; power <= last; ++power)
      for (const step of fine) {
        const value = step * Math.pow(10, power);
        if (value >= low * 0.999 && value <= high * 1.001) list.push(value);
      }
    return list;
  }
  const raw = (high - low) / most, decade = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 5, 10].map(factor => factor * decade).find(candidate => candidate >= raw * 0.999);
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) list.push(Number((i * step).toPrecision(12)));
  return list;
}

function scaleOf(low, high, logarithmic, from, to) {
  const place = logarithmic ? Math.log : value => value;
  const a = place(low), b = place(high);
  return value => from + (place(value) - a) / (b - a) * (to - from);
}

function marker(series, x, y, parent) {
  const size = 4, fill = series.hollow ? 'var(--page)' : colorOf(series);
  const look = { fill, stroke: colorOf(series), 'stroke-width': 1.3 };
  const kind = series.color % 5;
  if (kind === 1) return shape('rect', { x: x - size + 0.5, y: y - size + 0.5, width: 2 * size - 1, height: 2 * size - 1, ...look }, parent);
  const corners = { 2: [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]], 3: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]], 4: [[0, 1.2], [1.1, -0.8], [-1.1, -0.8]] }[kind];
  if (corners) return shape('polygon', { points: corners.map(c => (x + c[0] * size) + ',' + (y + c[1] * size)).join(' '), ...look }, parent);
  return shape('circle', { cx: x, cy: y, r: size - 0.5, ...look }, parent);
}

function strokeOf(series) {
  const dash = series.dashed ? (series.reference ? '2 3' : '6 4') : series.color >= 8 ? '10 3 2 3' : '';
  return { stroke: colorOf(series), 'stroke-width': series.reference ? 1.3 : 2, 'stroke-dasharray': dash, fill: 'none' };
}

class Chart {
  constructor(panel) {
    this.panel = panel;
    this.hidden = new Set();
    this.node = element('div', { class: 'panel' });
    this.svg = shape('svg', { viewBox: '0 0 460 320', role: 'img', tabindex: '0' });
    const heading = [panel.letter && '(' + panel.letter + ')', panel.title].filter(Boolean).join(' ');
    if (heading) this.node.appendChild(element('h3', {}, heading));
    if (panel.subtitle) this.node.appendChild(element('p', { class: 'quiet' }, panel.subtitle));
    this.node.appendChild(this.svg);
    this.tip = element('p', { class: 'tip', 'aria-live': 'polite' }, '');
    this.node.appendChild(this.tip);
    this.svg.addEventListener('pointermove', event => this.point(event));
    this.svg.addEventListener('pointerleave', () => this.show(-1));
    this.svg.addEventListener('keydown', event => this.key(event));
    this.place = -1;
    this.draw();
  }

  draw() {
    const svg = this.svg, panel = this.panel, box = { left: 68, right: 448, top: 10, bottom: 266 };
    svg.replaceChildren();
    svg.setAttribute('aria-label', (panel.title ? panel.title + ': ' : '') + panel.yLabel + ' against ' + panel.xLabel +
      '. Lines: ' + panel.series.map(series => series.name).join(', ') + '. Arrow keys read the points.');
    const from = panel.falling ? box.right : box.left, to = panel.falling ? box.left : box.right;
    const x = scaleOf(panel.xLow, panel.xHigh, panel.logX, from, to);
    const y = scaleOf(panel.yLow, panel.yHigh, panel.logY, box.bottom, box.top);
    const clip = 'clip' + (Chart.count = (Chart.count || 0) + 1);
    shape('rect', { x: box.left - 5, y: box.top - 5, width: box.right - box.left + 10, height: box.bottom - box.top + 10 },
      shape('clipPath', { id: clip }, svg));
    for (const value of ticks(panel.xLow, panel.xHigh, panel.logX, 6)) {
      shape('line', { x1: x(value), x2: x(value), y1: box.top, y2: box.bottom, stroke: 'var(--grid)' }, svg);
      shape('text', { x: x(value), y: box.bottom + 18, 'text-anchor': 'middle', fill: 'var(--text)', 'font-size': 15 }, svg, short(value));
    }
    for (const value of ticks(panel.yLow, panel.yHigh, panel.logY, 6)) {
      shape('line', { x1: box.left, x2: box.right, y1: y(value), y2: y(value), stroke: 'var(--grid)' }, svg);
      shape('text', { x: box.left - 7, y: y(value) + 4, 'text-anchor': 'end', fill: 'var(--text)', 'font-size': 15 }, svg, short(value));
    }
    if (panel.zeroLine)
      shape('line', { x1: box.left, x2: box.right, y1: y(0), y2: y(0), stroke: 'var(--axis)', 'stroke-width': 1.5 }, svg);
    shape('path', { d: `M${box.left},${box.top}V${box.bottom}H${box.right}`, stroke: 'var(--axis)', fill: 'none' }, svg);
    shape('text', { x: (box.left + box.right) / 2, y: 308, 'text-anchor': 'middle', fill: 'var(--text)', 'font-size': 16 }, svg, panel.xLabel);
    shape('text', { transform: `translate(16 ${(box.top + box.bottom) / 2}) rotate(-90)`, 'text-anchor': 'middle', fill: 'var(--text)', 'font-size': 16 }, svg, panel.yLabel);
    const body = shape('g', { 'clip-path': `url(#${clip})` }, svg);
    this.points = [];
    for (const series of this.visible()) this.drawSeries(series, x, y, body);
    this.mark = shape('circle', { r: 7, fill: 'none', stroke: 'var(--text)', 'stroke-width': 2, visibility: 'hidden' }, svg);
    this.place = -1;
  }

  visible() { return this.panel.series.filter(series => !this.hidden.has(series.key)); }

  drawSeries(series, x, y, body) {
    const spots = [];
    const finite = (value, logarithmic) => value !== null && (!logarithmic || value > 0);
    series.x.forEach((value, i) => {
      if (!finite(value, this.panel.logX) || !finite(series.y[i], this.panel.logY)) return;
      const interval = series.low && finite(series.low[i], this.panel.logY) && finite(series.high[i], this.panel.logY);
      const shift = interval && series.whiskers ? series.shift : 0;
      spots.push({ series, i, x: x(value + shift), y: y(series.y[i]), low: interval ? y(series.low[i]) : null, high: interval ? y(series.high[i]) : null });
    });
    const banded = spots.filter(spot => spot.low !== null);
    if (series.whiskers || !series.line)
      for (const spot of banded) shape('line', { x1: spot.x, x2: spot.x, y1: spot.low, y2: spot.high, stroke: colorOf(series), opacity: 0.55, 'stroke-width': 1.3 }, body);
    else if (banded.length > 1)
      shape('polygon', { points: banded.map(s => s.x + ',' + s.high).concat(banded.slice().reverse().map(s => s.x + ',' + s.low)).join(' '),
        fill: colorOf(series), opacity: 0.16 }, body);
    if (series.line && spots.length > 1) shape('polyline', { points: spots.map(s => s.x + ',' + s.y).join(' '), ...strokeOf(series) }, body);
    if (series.markers) for (const spot of spots) marker(series, spot.x, spot.y, body);
    this.points.push(...spots);
  }

  point(event) {
    const frame = this.svg.getBoundingClientRect(), scale = 460 / frame.width;
    const x = (event.clientX - frame.left) * scale, y = (event.clientY - frame.top) * scale;
    let best = -1, least = 60 * 60;
    this.points.forEach((spot, i) => {
      const distance = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (distance < least) { least = distance; best = i; }
    });
    this.show(best);
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !this.points.length) return;
    event.preventDefault();
    this.show((this.place + step + this.points.length) % this.points.length);
  }

  show(place) {
    this.place = place;
    const spot = this.points[place];
    this.mark.setAttribute('visibility', spot ? 'visible' : 'hidden');
    if (!spot) { this.tip.textContent = ''; return; }
    this.mark.setAttribute('cx', spot.x);
    this.mark.setAttribute('cy', spot.y);
    const { series, i } = spot;
    let text = `${series.name}: ${short(series.y[i])} at ${short(series.x[i])}`;
    if (series.low && series.low[i] !== null) text += `, interval ${short(series.low[i])} to ${short(series.high[i])}`;
    if (series.n) text += `, n = ${series.n}`;
    if (series.origin) text += ` (${series.origin}${series.remarks ? ', ' + series.remarks[i] : ''})`;
    this.tip.textContent = text;
  }
}

function sample(series) {
  const svg = shape('svg', { viewBox: '0 0 30 14', 'aria-hidden': 'true' });
  if (series.line) shape('line', { x1: 1, x2: 29, y1: 7, y2: 7, ...strokeOf(series) }, svg);
  if (series.markers) marker(series, 15, 7, svg);
  return svg;
}

function numbersTable(panels) {
  const details = element('details'), scroll = element('div', { class: 'scroll' }), table = element('table');
  details.append(element('summary', {}, 'The numbers as a table'), scroll);
  details.addEventListener('toggle', () => {
    if (!details.open || table.rows.length) return;
    const head = table.createTHead().insertRow();
    for (const name of ['panel', 'line', 'x', 'y', 'low', 'high', 'n']) head.appendChild(element('th', { scope: 'col' }, name));
    const body = table.createTBody();
    for (const panel of panels)
      for (const series of panel.series)
        series.x.forEach((value, i) => {
          const row = body.insertRow();
          for (const cell of [[panel.letter, panel.title].filter(Boolean).join(' '), series.name, short(value), short(series.y[i]),
            short(series.low && series.low[i]), short(series.high && series.high[i]), series.n || '\u2013'])
            row.insertCell().textContent = cell;
        });
    scroll.appendChild(table);
  });
  return details;
}

// Entries of the lines of some charts; each switches its line in all of them.
function legendOf(charts) {
  const legend = element('ul', { class: 'legend', 'aria-label': 'Lines' });
  const seen = new Set();
  for (const series of charts.flatMap(chart => chart.panel.series)) {
    if (seen.has(series.key)) continue;
    seen.add(series.key);
    const button = element('button', { type: 'button', 'aria-pressed': 'true' });
    button.append(sample(series.key === series.name ? series : { ...series, reference: true }), document.createTextNode(series.key));
    button.addEventListener('click', () => {
      const show = button.getAttribute('aria-pressed') === 'false';
      button.setAttribute('aria-pressed', String(show));
      for (const chart of charts) { show ? chart.hidden.delete(series.key) : chart.hidden.add(series.key); chart.draw(); }
    });
    legend.appendChild(element('li')).appendChild(button);
  }
  return legend;
}

// A figure: its panels, a legend for all or one for each, small print, the numbers.
function drawFigure(parent, figure, withSinks) {
  const panels = figure.panels.map(panel => {
    if (withSinks || !panel.sinks) return panel;
    return { ...panel, series: panel.series.filter(one => one.dashed).map(one => ({ ...one, key: one.name })) };
  });
  const grid = element('div', { class: panels.length === 1 ? 'panels single' : 'panels' });
  const charts = panels.map(panel => new Chart(panel));
  for (const chart of charts) {
    grid.appendChild(chart.node);
    if (figure.ownLegends) chart.node.appendChild(legendOf([chart]));
  }
  parent.replaceChildren(grid);
  if (!figure.ownLegends) parent.appendChild(legendOf(charts));
  if (figure.notes.length) parent.appendChild(element('p', { class: 'quiet' }, figure.notes.join(' \u00b7 ')));
  parent.appendChild(numbersTable(panels));
}
