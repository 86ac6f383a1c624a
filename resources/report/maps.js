// Attention maps: quantised tiles back to values, drawn on a canvas with segments, sinks and a cursor.

// Codes: 0 is zero or below `low`, 1 to 254 are equal steps of the logarithm from `low` to `high`, 255 is masked. Rows end
// at their last cell that is not masked.
function decodeTile(tile) {
  const bytes = Uint8Array.from(atob(tile.cells), character => character.charCodeAt(0));
  const table = new Float32Array(256);
  for (let code = 1; code < 255; ++code) table[code] = tile.low * Math.pow(tile.high / tile.low, (code - 1) / 253);
  table[255] = NaN;
  const values = new Float32Array(tile.rows * tile.columns).fill(NaN);
  let next = 0;
  for (let row = 0; row < tile.rows; ++row)
    for (let column = 0; column < tile.counts[row]; ++column) values[row * tile.columns + column] = table[bytes[next++]];
  return { ...tile, values };
}

function niceFloor(value) { return Math.pow(10, Math.floor(Math.log10(value) + 1e-9)); }

class MapView {
  constructor(data) {
    this.data = data;
    this.canvas = document.getElementById('map');
    this.readout = document.getElementById('map-readout');
    this.selects = ['capture', 'layer', 'head', 'scale'].map(name => document.getElementById('map-' + name));
    this.captures = data.captures.filter(capture => capture.maps && capture.maps.length);
    this.cursor = null;
    this.withSinks = true;
    this.fill(this.selects[0], this.captures.map((capture, i) => [i, capture.label]));
    this.selects[0].addEventListener('change', () => this.chooseCapture());
    this.selects[1].addEventListener('change', () => this.chooseLayer());
    this.selects[2].addEventListener('change', () => this.chooseMap());
    this.selects[3].addEventListener('change', () => this.draw());
    this.canvas.addEventListener('pointermove', event => this.hover(event));
    this.canvas.addEventListener('pointerdown', event => { this.canvas.focus({ preventScroll: true }); this.hover(event); });
    this.canvas.addEventListener('keydown', event => this.key(event));
    addEventListener('resize', () => this.draw());
    darkMode.addEventListener('change', () => this.draw());
    this.chooseCapture();
  }

  fill(select, entries, wanted) {
    select.replaceChildren(...entries.map(([value, text]) => element('option', { value }, text)));
    if (wanted !== undefined && entries.some(entry => String(entry[0]) === String(wanted))) select.value = wanted;
  }

  get capture() { return this.captures[Number(this.selects[0].value)]; }

  chooseCapture() {
    const layers = [...new Set(this.capture.maps.map(map => map.layer))];
    this.fill(this.selects[1], layers.map(layer => [layer, layer]), this.selects[1].value || layers[Math.floor(layers.length / 2)]);
    this.cursor = null;
    this.chooseLayer();
  }

  chooseLayer() {
    const heads = this.capture.maps.filter(map => String(map.layer) === this.selects[1].value);
    this.fill(this.selects[2], heads.map(map => [map.head, map.head < 0 ? 'mean of ' + map.heads : map.head]), this.selects[2].value);
    this.chooseMap();
  }

  chooseMap() {
    const found = this.capture.maps.find(map => String(map.layer) === this.selects[1].value && String(map.head) === this.selects[2].value);
    this.tiles = [found.prompt, found.decode].filter(Boolean).map(decodeTile);
    this.draw();
  }

  setSinks(withSinks) { this.withSinks = withSinks; this.draw(); }

  isSink(tile, column) {
    return tile.keyBegin + column * (tile.keyEnd - tile.keyBegin) / tile.columns < this.data.sinkTokens;
  }

  range() {
    let high = 0, low = Infinity;
    for (const tile of this.tiles)
      tile.values.forEach((value, i) => {
        if (!(value > 0) || (!this.withSinks && this.isSink(tile, i % tile.columns))) return;
        high = Math.max(high, value);
        low = Math.min(low, value);
      });
    if (!high) return { low: 1e-5, high: 1 };
    return this.selects[3].value === 'linear' ? { low: 0, high } : { low: Math.max(niceFloor(low), niceFloor(high) * 1e-4), high };
  }

  colorIndex(value, range) {
    const linear = this.selects[3].value === 'linear';
    const share = linear ? (value - range.low) / (range.high - range.low)
      : value > 0 ? Math.log(value / range.low) / Math.log(range.high / range.low) : 0;
    return Math.max(0, Math.min(255, Math.round(share * 255)));
  }

  image(tile, range, mask) {
    const canvas = document.createElement('canvas');
    canvas.width = tile.columns; canvas.height = tile.rows;
    const context = canvas.getContext('2d'), image = context.createImageData(tile.columns, tile.rows);
    tile.values.forEach((value, i) => {
      const masked = Number.isNaN(value) || (!this.withSinks && this.isSink(tile, i % tile.columns));
      const color = masked ? mask : this.data.colors[this.colorIndex(value, range)];
      image.data.set([color >> 16, color >> 8 & 255, color & 255, 255], 4 * i);
    });
    context.putImageData(image, 0, 0);
    return canvas;
  }

  draw() {
    const width = Math.min(this.canvas.parentElement.clientWidth, 860), ratio = devicePixelRatio || 1;
    const side = width - 58 - 80, prompt = this.tiles[0], decode = this.tiles[1];
    const strip = decode ? Math.max(40, Math.min(120, side * decode.rows / prompt.rows)) : 0;
    const tall = Math.min(1, (prompt.queryEnd - prompt.queryBegin) / (prompt.keyEnd - prompt.keyBegin));
    const body = Math.max(90, side * tall);
    this.boxes = [{ left: 58, top: 30, width: side, height: body }];
    if (decode) this.boxes.push({ left: 58, top: 30 + body + 8, width: side, height: strip });
    // Keys of both parts stand below each other: the prompt's end where the decode rows see it.
    const last = Math.max(...this.tiles.map(tile => tile.keyEnd)), first = prompt.keyBegin;
    this.tiles.forEach((tile, i) => {
      this.boxes[i].left = 58 + side * (tile.keyBegin - first) / (last - first);
      this.boxes[i].width = side * (tile.keyEnd - tile.keyBegin) / (last - first);
    });
    const height = this.boxes.at(-1).top + this.boxes.at(-1).height + 44;
    this.canvas.width = width * ratio; this.canvas.height = height * ratio;
    this.canvas.style.width = width + 'px'; this.canvas.style.height = height + 'px';
    const context = this.canvas.getContext('2d'), style = getComputedStyle(document.documentElement);
    const color = name => style.getPropertyValue(name).trim();
    context.scale(ratio, ratio);
    context.imageSmoothingEnabled = false;
    context.font = '13px system-ui, sans-serif';
    const range = this.range(), mask = parseInt(color('--mask').slice(1), 16);
    this.tiles.forEach((tile, i) => {
      const box = this.boxes[i];
      context.drawImage(this.image(tile, range, mask), box.left, box.top, box.width, box.height);
    });
    this.drawSegments(context, color, last - first, first, side);
    this.drawAxes(context, color, last, first, side);
    this.drawBar(context, color, range, 58 + side + 14, 30, body);
    this.drawCursor(context, color);
    this.describe(range);
  }

  drawSegments(context, color, span, first, side) {
    const bottom = this.boxes.at(-1).top + this.boxes.at(-1).height;
    let free = 0;
    for (const segment of this.capture.segments) {
      const x = 58 + side * (segment.begin - first) / span, end = 58 + side * (segment.end - first) / span;
      if (segment.begin > first) {
        context.strokeStyle = 'rgba(255,255,255,0.55)';
        context.beginPath(); context.moveTo(x, this.boxes[0].top); context.lineTo(x, bottom); context.stroke();
      }
      context.strokeStyle = color('--axis');
      context.beginPath(); context.moveTo(x + 1, 26); context.lineTo(Math.max(x + 1, end - 1), 26); context.stroke();
      const wide = context.measureText(segment.label).width, middle = (x + end) / 2;
      if (!segment.label || middle - wide / 2 < free) continue;
      context.fillStyle = color('--text'); context.textAlign = 'center';
      context.fillText(segment.label, middle, 20);
      free = middle + wide / 2 + 5;
    }
  }

  drawAxes(context, color, last, first, side) {
    context.fillStyle = color('--text');
    const bottom = this.boxes.at(-1).top + this.boxes.at(-1).height;
    context.textAlign = 'center';
    for (const value of ticks(first, last, false, Math.max(2, Math.floor(side / 80))))
      context.fillText(String(value), 58 + side * (value - first) / (last - first), bottom + 16);
    context.fillText('key position (tokens)', 58 + side / 2, bottom + 36);
    context.textAlign = 'right';
    const prompt = this.tiles[0], box = this.boxes[0];
    for (const value of ticks(prompt.queryBegin, prompt.queryEnd, false, Math.max(2, Math.floor(box.height / 60))))
      context.fillText(String(value), 52, box.top + 5 + box.height * (value - prompt.queryBegin) / (prompt.queryEnd - prompt.queryBegin));
    this.sideText(context, 'query position', box);
    if (this.boxes[1]) this.sideText(context, 'decode', this.boxes[1]);
  }

  sideText(context, text, box) {
    context.save();
    context.translate(12, box.top + box.height / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = 'center';
    context.fillText(text, 0, 0);
    context.restore();
  }

  drawBar(context, color, range, left, top, height) {
    const linear = this.selects[3].value === 'linear';
    for (let i = 0; i < height; ++i) {
      const rgb = this.data.colors[Math.round((1 - i / height) * 255)];
      context.fillStyle = '#' + rgb.toString(16).padStart(6, '0');
      context.fillRect(left, top + i, 12, 1.5);
    }
    const place = scaleOf(linear ? 0 : range.low, range.high, !linear, top + height, top);
    context.fillStyle = color('--text'); context.textAlign = 'left';
    for (const value of ticks(range.low, range.high, !linear, 5)) context.fillText(short(value), left + 16, place(value) + 5);
  }

  drawCursor(context, color) {
    if (!this.cursor) return;
    const { tile, row, column } = this.cursor, box = this.boxes[this.tiles.indexOf(tile)];
    if (!box) return;
    const x = box.left + (column + 0.5) * box.width / tile.columns, y = box.top + (row + 0.5) * box.height / tile.rows;
    context.strokeStyle = '#ffffff'; context.lineWidth = 3;
    for (const look of [['#000000', 3], ['#ffffff', 1]]) {
      [context.strokeStyle, context.lineWidth] = look;
      context.beginPath();
      context.moveTo(box.left, y); context.lineTo(box.left + box.width, y);
      context.moveTo(x, box.top); context.lineTo(x, box.top + box.height);
      context.stroke();
    }
    context.lineWidth = 1;
  }

  describe(range) {
    const tile = this.tiles[0], capture = this.capture, keys = (tile.keyEnd - tile.keyBegin) / tile.columns;
    const head = Number(this.selects[2].value);
    document.getElementById('map-note').textContent = [`layer ${this.selects[1].value}`, head < 0 ? 'mean over heads' : `head ${head}`,
      'cell: largest value', keys > 1.001 ? `${short(keys)} tokens a cell` : 'a cell a token', `source: ${tile.source} (tier ${capture.tier})`,
      this.withSinks ? `sinks: first ${this.data.sinkTokens} tokens, counted` : `sinks: first ${this.data.sinkTokens} tokens, left out (grey)`,
      'grey: masked', `values in steps of ${short(100 * (Math.pow(tile.high / tile.low, 1 / 253) - 1))} %`].join(' \u00b7 ');
    this.canvas.setAttribute('aria-label', `Attention map of ${capture.label}, layer ${this.selects[1].value}, ` +
      `${head < 0 ? 'mean over heads' : 'head ' + head}, colours from ${short(range.low)} to ${short(range.high)}`);
  }

  tokens(begin, end) {
    const last = Math.max(begin, Math.min(this.capture.tokens.length, Math.ceil(end)) - 1), from = Math.floor(begin);
    const text = i => this.capture.tokens[i] === undefined ? '' : `\u201c${this.capture.tokens[i]}\u201d`;
    return last > from ? `${from}\u2013${last} ${text(from)} \u2026 ${text(last)}` : `${from} ${text(from)}`;
  }

  segmentOf(token) {
    const found = this.capture.segments.find(segment => token >= segment.begin && token < segment.end);
    return found ? found.name : '';
  }

  tell() {
    const { tile, row, column } = this.cursor, value = tile.values[row * tile.columns + column];
    const at = (begin, end, count, place) => begin + place * (end - begin) / count;
    const query = at(tile.queryBegin, tile.queryEnd, tile.rows, row), key = at(tile.keyBegin, tile.keyEnd, tile.columns, column);
    const what = Number.isNaN(value) ? 'masked: the key comes after the query' : value > 0 ? 'attention ' + short(value) : `below ${short(tile.low)}`;
    this.readout.textContent = `query ${this.tokens(query, at(tile.queryBegin, tile.queryEnd, tile.rows, row + 1))} ` +
      `(${this.segmentOf(query)}) \u2192 key ${this.tokens(key, at(tile.keyBegin, tile.keyEnd, tile.columns, column + 1))} ` +
      `(${this.segmentOf(key)}): ${what}`;
    this.draw();
  }

  hover(event) {
    const frame = this.canvas.getBoundingClientRect(), x = event.clientX - frame.left, y = event.clientY - frame.top;
    this.boxes.forEach((box, i) => {
      if (x < box.left || x >= box.left + box.width || y < box.top || y >= box.top + box.height) return;
      const tile = this.tiles[i];
      this.cursor = { tile, row: Math.floor((y - box.top) / box.height * tile.rows), column: Math.floor((x - box.left) / box.width * tile.columns) };
      this.tell();
    });
  }

  key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const turn = { '[': [2, -1], ']': [2, 1], '{': [1, -1], '}': [1, 1] }[event.key];
    if (turn) {
      const select = this.selects[turn[0]], next = select.selectedIndex + turn[1];
      if (next >= 0 && next < select.options.length) { select.selectedIndex = next; select.dispatchEvent(new Event('change')); }
    }
    if (!moves) return;
    event.preventDefault();
    let cursor = this.cursor && this.tiles.includes(this.cursor.tile) ? this.cursor : { tile: this.tiles[0], row: this.tiles[0].rows - 1, column: 0 };
    const step = event.shiftKey ? 10 : 1, row = cursor.row + moves[0] * step, place = this.tiles.indexOf(cursor.tile);
    let tile = cursor.tile, line = row;
    if (row < 0 && place > 0) { tile = this.tiles[0]; line = tile.rows - 1; }
    if (row >= tile.rows && place + 1 < this.tiles.length) { tile = this.tiles[1]; line = 0; }
    this.cursor = { tile, row: Math.max(0, Math.min(tile.rows - 1, line)), column: Math.max(0, Math.min(tile.columns - 1, cursor.column + moves[1] * step)) };
    this.tell();
  }
}
