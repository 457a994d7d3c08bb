"use strict";
(() => {
  const root = document.documentElement;
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  // Light and dark: the system's choice until the reader makes one.
  let chosen = null;
  const isDark = () => (chosen === null ? prefersDark.matches : chosen === "dark");
  const themeButton = document.getElementById("theme");
  const nameTheme = () => { themeButton.textContent = isDark() ? "Light theme" : "Dark theme"; };
  themeButton.removeAttribute("aria-label");
  themeButton.addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    root.style.colorScheme = chosen;
    nameTheme();
    recolour();
  });
  prefersDark.addEventListener("change", () => { nameTheme(); recolour(); });
  nameTheme();

  // A custom property as the colour that it stands for now.
  const probe = make("span", { hidden: "" });
  document.body.append(probe);
  const resolved = (property) => {
    probe.style.color = `var(--${property})`;
    return getComputedStyle(probe).color;
  };
  const colour = (word) => word === "veil"
    ? resolved("card").replace("rgb(", "rgba(").replace(")", ", 0.78)")
    : resolved(word);
  const themed = (value) => {
    if (typeof value === "string") return value.startsWith("theme:") ? colour(value.slice(6)) : value;
    if (Array.isArray(value)) return value.map(themed);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, themed(inner)]));
  };

  // Compressed data, as bytes.
  const inflate = (base64) => {
    const bytes = Uint8Array.from(atob(base64.trim()), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream);
  };

  // Figures.
  const figures = all("figure > script[type='application/json']").map((script) => {
    const [data, layout] = JSON.parse(script.textContent);
    const host = script.parentElement;
    return { host, plot: host.querySelector(".plot"), data, layout };
  });
  const narrow = matchMedia("(max-width: 40rem)");
  // Ticks of a logarithmic axis: 1, 2 and 5 of each decade, with names as long as there is room.
  const decades = (values) => {
    const exponents = values.filter((value) => value > 0).map(Math.log10);
    const [low, high] = [Math.min(...exponents), Math.max(...exponents)];
    // So short a piece may have none of them: the library's own ticks do.
    if (!(high - low >= 0.8)) return { exponentformat: "none" };
    const ticks = [];
    for (let exponent = Math.floor(low) - 1; exponent <= Math.ceil(high) + 1; exponent += 1) {
      for (const digit of [1, 2, 5]) ticks.push({ digit, value: Number(`${digit}e${exponent}`) });
    }
    const named = ({ digit, value }) => (digit === 1 || high - low < 2.5 ? value.toLocaleString("en", { maximumSignificantDigits: 3 }) : "");
    return { tickmode: "array", tickvals: ticks.map(({ value }) => value), ticktext: ticks.map(named) };
  };
  const dressed = ({ data, layout }) => {
    const axis = { gridcolor: "theme:grid", zerolinecolor: "theme:line", linecolor: "theme:line", tickfont: { color: "theme:soft" } };
    const spread = (of, key) => (of.type === "log" ? decades(data.flatMap((trace) => trace[key])) : { exponentformat: "none", separatethousands: true });
    const look = {
      ...layout,
      bargap: 0.3,
      autosize: true,
      uirevision: "kept",
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: narrow.matches ? 11 : 12.5, color: "theme:ink" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: "theme:soft", activecolor: "theme:ink" },
      hoverlabel: { bgcolor: "theme:card", bordercolor: "theme:soft", font: { color: "theme:ink" }, align: "left" },
      xaxis: { ...axis, ...spread(layout.xaxis, "x"), ...layout.xaxis },
      yaxis: { ...axis, ...spread(layout.yaxis, "y"), ...layout.yaxis },
    };
    return [themed(data), themed(look)];
  };
  const options = () => ({
    responsive: true,
    displaylogo: false,
    displayModeBar: narrow.matches ? false : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"],
  });
  const recolour = () => {
    for (const figure of figures) {
      if (!figure.drawn) continue;
      Plotly.react(figure.plot, ...dressed(figure), options());
      legend(figure);
    }
  };

  const DASHES = { dash: "5 3", dot: "2 2.5", dashdot: "5 2 1.5 2", longdash: "8 3" };
  const SYMBOLS = {
    circle: "M12 3a4 4 0 1 0 .01 0z", square: "M8.5 3.5h7v7h-7z", diamond: "M12 2l5 5-5 5-5-5z",
    "triangle-up": "M12 2.5l4.5 8h-9z", "triangle-down": "M12 11.5l4.5-8h-9z",
    cross: "M10.5 2.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z", x: "M9 3l3 2.6L15 3l1.6 1.6L14 7l2.6 2.6L15 11l-3-2.6L9 11 7.4 9.4 10 7 7.4 4.6z",
  };
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const swatch = (trace) => {
    const picture = svg("svg", { viewBox: "0 0 24 14", "aria-hidden": "true" });
    const mode = trace.mode ?? "";
    if (trace.type === "bar") {
      picture.append(svg("rect", { x: 4, y: 2, width: 16, height: 10, rx: 2, fill: themed(trace.marker.color) }));
    }
    if (mode.includes("lines")) {
      const dash = DASHES[trace.line.dash] ?? "none";
      picture.append(svg("path", { d: "M0 7h24", "stroke-width": 2.5, stroke: themed(trace.line.color), "stroke-dasharray": dash }));
    }
    if (mode.includes("markers")) {
      const [shape, open] = (trace.marker.symbol ?? "circle").split(/-(?=open$)/);
      const ink = themed(trace.marker.color);
      const look = open ? { fill: "none", stroke: ink, "stroke-width": 1.6 } : { fill: ink };
      picture.append(svg("path", { d: SYMBOLS[shape] ?? SYMBOLS.circle, ...look }));
    }
    return picture;
  };
  const legend = (figure) => {
    const shown = figure.data.filter((trace) => trace.showlegend !== false && trace.name);
    const buttons = shown.map((trace) => {
      const name = new DOMParser().parseFromString(trace.name, "text/html").body.textContent;
      const button = make("button", { type: "button", "aria-pressed": String(trace.visible !== false), title: `Show or hide ${name}` }, swatch(trace), name);
      const group = figure.data.filter((other) => other === trace || (trace.legendgroup && other.legendgroup === trace.legendgroup));
      button.addEventListener("click", () => {
        const visible = trace.visible === false;
        group.forEach((other) => { other.visible = visible; });
        button.setAttribute("aria-pressed", String(visible));
        Plotly.react(figure.plot, ...dressed(figure), options());
      });
      return button;
    });
    figure.host.querySelector(".legend").replaceChildren(...buttons);
  };

  const VALUES = 400;
  const values = ({ data, layout }) => {
    const plain = (text) => new DOMParser().parseFromString(text ?? "", "text/html").body.textContent;
    const head = ["series", plain(layout.xaxis.title?.text) || "x", plain(layout.yaxis.title?.text) || "y", ""];
    const rows = data.filter((trace) => trace.hoverinfo !== "skip")
      .flatMap((trace) => trace.x.map((x, at) => [plain(trace.name), x, trace.y[at], plain(trace.text?.[at])]));
    const line = (kind, cells) => make("tr", {}, ...cells.map((cell) => make(kind, {}, String(cell ?? "–"))));
    const table = make("table", {}, make("thead", {}, line("th", head)), make("tbody", {}, ...rows.slice(0, VALUES).map((row) => line("td", row))));
    return rows.length > VALUES ? [table, make("p", { class: "aside" }, `The first ${VALUES} of ${rows.length} values.`)] : [table];
  };

  // A figure as a file: light whatever the theme is, and with its title and legend, which the page has
  // around it.
  const inLight = (work) => {
    const scheme = root.style.colorScheme;
    root.style.colorScheme = "light";
    try { return work(); } finally { root.style.colorScheme = scheme; }
  };
  const literal = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const save = (figure) => inLight(() => {
    const [data, layout] = dressed(figure);
    const words = ["h3", "figcaption p:not(.unseen)"].map((part) => figure.host.querySelector(part)?.textContent ?? "");
    const [title, note] = words.map(literal);
    const height = figure.plot.clientHeight + 190;
    const paper = {
      ...layout,
      title: { text: note ? `${title}<br><sub>${note}</sub>` : title, x: 0.02, xanchor: "left" },
      showlegend: true,
      legend: { orientation: "h", y: -100 / height, yanchor: "top" },
      margin: { ...layout.margin, t: 80 },
      paper_bgcolor: resolved("card"),
      plot_bgcolor: resolved("card"),
    };
    return Plotly.downloadImage({ data, layout: paper, config: {} }, { format: "svg", filename: figure.host.id, width: 900, height });
  });
  const foot = (figure) => {
    const button = make("button", { type: "button", class: "plain svg", title: `${figure.host.id}.svg` }, "Save as SVG");
    button.addEventListener("click", () => save(figure));
    const values = figure.host.querySelector(".data");
    const foot = make("div", { class: "foot" });
    values.replaceWith(foot);
    foot.append(values, button);
  };

  const pause = () => new Promise((resume) => setTimeout(resume));
  const draw = async (figure) => {
    figure.plot.replaceChildren();
    await Plotly.newPlot(figure.plot, ...dressed(figure), options());
    figure.drawn = true;
    // The description beside the plot says what it shows; hundreds of unnamed shapes do not.
    all("svg", figure.plot).forEach((picture) => picture.setAttribute("aria-hidden", "true"));
    legend(figure);
    foot(figure);
    figure.host.querySelector(".data").addEventListener("toggle", (event) => {
      const place = event.target.querySelector(".scroll");
      if (event.target.open && !place.hasChildNodes()) place.append(...values(figure));
    });
  };
  const drawAll = async () => {
    const carried = document.getElementById("plotly");
    if (!carried) return;
    figures.forEach(({ plot }) => plot.append(make("p", { class: "empty" }, "Drawing…")));
    await pause();
    const script = document.createElement("script");
    script.textContent = await inflate(carried.textContent).text();
    document.head.append(script);
    for (const figure of figures) {
      await draw(figure);
      await pause();
    }
  };
  // Paper is light whatever the screen is.
  const onPaper = (scheme) => { root.style.colorScheme = scheme; recolour(); };
  addEventListener("beforeprint", () => onPaper("light"));
  addEventListener("afterprint", () => onPaper(chosen ?? ""));

  // Tables: sorted by a click on a heading, filtered by what is typed.
  const compare = (numeric) => (one, other) => numeric
    ? Number(one) - Number(other)
    : one.localeCompare(other, "en", { numeric: true });
  const sort = (table, column, heading) => {
    const descending = heading.getAttribute("aria-sort") === "ascending";
    all("th", table).forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const order = compare(heading.classList.contains("n"));
    const rows = [...table.tBodies[0].rows].map((row) => [row.cells[column].textContent, row]);
    const known = rows.filter(([value]) => value !== "–").sort((one, other) => order(one[0], other[0]) * (descending ? -1 : 1));
    const unknown = rows.filter(([value]) => value === "–");
    table.tBodies[0].append(...[...known, ...unknown].map(([, row]) => row));
  };
  for (const table of all(".sheet table")) {
    all("th", table).forEach((heading, column) => {
      const button = make("button", { type: "button" });
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sort(table, column, heading));
      heading.append(button);
    });
  }
  // One that is wider than its place says so, and on which side there is more.
  const measure = (scroll) => {
    const beyond = scroll.scrollWidth - scroll.clientWidth;
    scroll.parentElement.classList.toggle("wide", beyond > 1);
    scroll.parentElement.classList.toggle("more", beyond - scroll.scrollLeft > 1);
  };
  const places = new ResizeObserver((entries) => entries.forEach(({ target }) => measure(target)));
  for (const scroll of all(".sheet > .scroll")) {
    scroll.before(make("p", { class: "hint" }, "More columns: scroll sideways →"));
    scroll.addEventListener("scroll", () => measure(scroll), { passive: true });
    places.observe(scroll);
  }
  for (const sheet of all(".sheet.long")) {
    const rows = all("tbody tr", sheet);
    const count = make("span", { "aria-live": "polite" }, `${rows.length} rows`);
    const input = make("input", { type: "search", placeholder: "words that rows must have", "aria-label": "Filter rows" });
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/);
      const hidden = rows.filter((row) => {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        return row.hidden;
      });
      count.textContent = `${rows.length - hidden.length} of ${rows.length} rows`;
    });
    sheet.prepend(make("div", { class: "tools" }, make("label", {}, "Filter ", input), count));
  }

  // Downloads travel compressed and leave as they were.
  for (const link of all("a[data-name]")) {
    link.addEventListener("click", async (event) => {
      if (!event.isTrusted || typeof DecompressionStream === "undefined") return;
      event.preventDefault();
      const content = await inflate(link.href.slice(link.href.indexOf(",") + 1)).blob();
      const address = URL.createObjectURL(new Blob([content], { type: link.dataset.type }));
      make("a", { href: address, download: link.dataset.name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    });
  }

  // The list of contents shows where the reader is.
  const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      links.get(target.id)?.classList.toggle("here", isIntersecting);
    }
  }, { rootMargin: "-15% 0px -75%" });
  all("main > section").forEach((section) => seen.observe(section));

  drawAll().then(
    () => { root.dataset.drawn = "all"; },
    (error) => {
      console.error(error);
      const reason = "Plots cannot be drawn: this browser is too old or refuses scripts.";
      all(".plot").forEach((plot) => plot.replaceChildren(make("p", { class: "empty" }, reason)));
    },
  );
})();
