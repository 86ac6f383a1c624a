// The page: which sections there are, the switch for sinks, survival of shots.
const data = JSON.parse(document.getElementById('data').textContent);

class Survival {
  constructor(list) {
    this.list = list;
    [this.capture, this.method, this.ratio] = ['capture', 'method', 'ratio'].map(name => document.getElementById('survival-' + name));
    this.capture.replaceChildren(...list.map((entry, i) => element('option', { value: i }, entry.label)));
    this.capture.addEventListener('change', () => this.chooseCapture());
    this.method.addEventListener('change', () => this.chooseMethod());
    this.ratio.addEventListener('input', () => this.draw());
    this.chooseCapture();
  }

  get entry() { return this.list[Number(this.capture.value)]; }

  chooseCapture() {
    const before = this.method.value;
    this.method.replaceChildren(...this.entry.methods.map((method, i) => element('option', { value: i }, method.label)));
    if (before && Number(before) < this.entry.methods.length) this.method.value = before;
    this.chooseMethod();
  }

  chooseMethod() {
    const budgets = this.entry.methods[Number(this.method.value)].budgets;
    const before = this.ratio.value === '' || !this.chosen ? Math.floor(budgets.length / 2) : Number(this.ratio.value);
    this.chosen = true;
    this.ratio.max = budgets.length - 1;
    this.ratio.value = Math.min(before, budgets.length - 1);
    this.ratio.disabled = budgets.length < 2;
    this.draw();
  }

  draw() {
    const budget = this.entry.methods[Number(this.method.value)].budgets[Number(this.ratio.value)];
    const said = `${short(100 * budget.kept)} % of the prompt`;
    document.getElementById('survival-value').textContent = said;
    this.ratio.setAttribute('aria-valuetext', said);
    const bars = element('div', { class: 'bars', role: 'list' });
    this.entry.labels.forEach((label, i) => {
      const value = budget.values[i];
      const track = element('div', { class: 'track', 'aria-hidden': 'true' });
      const fill = element('div', { class: 'fill' });
      fill.style.width = (100 * (value || 0)) + '%';
      track.appendChild(fill);
      bars.append(element('div', { role: 'listitem' }, label), track, element('div', { class: 'value' }, value === null ? '\u2013' : short(100 * value) + ' %'));
    });
    document.getElementById('survival-bars').replaceChildren(bars);
  }
}

function addSections() {
  const nav = document.getElementById('sections');
  for (const section of document.querySelectorAll('main section:not([hidden])'))
    nav.appendChild(element('a', { href: '#' + section.id }, section.querySelector('h2').textContent));
}

const sinks = document.getElementById('sinks');
const maps = data.captures.some(capture => capture.maps && capture.maps.length) ? (document.getElementById('maps').hidden = false, new MapView(data)) : null;
const bodies = data.figures.map(figure => {
  const section = element('section', { id: figure.id });
  section.appendChild(element('h2', {}, figure.heading));
  if (figure.intro) section.appendChild(element('p', {}, figure.intro));
  const body = section.appendChild(element('div'));
  document.getElementById('figures').appendChild(section);
  return body;
});

function drawFigures() {
  data.figures.forEach((figure, i) => drawFigure(bodies[i], sinks.checked || !figure.withoutSinks ? figure : figure.withoutSinks, sinks.checked));
}

if (data.survival.length) {
  document.getElementById('survival').hidden = false;
  new Survival(data.survival);
}
document.getElementById('sinkbar').hidden = !(maps || data.figures.length);
sinks.addEventListener('change', () => { if (maps) maps.setSinks(sinks.checked); drawFigures(); });
darkMode.addEventListener('change', drawFigures);
drawFigures();
addSections();
document.documentElement.dataset.ready = 'yes';
