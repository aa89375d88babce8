"use strict";
(function () {
  const config = { responsive: true, displaylogo: false, showSendToCloud: false };

  function fail(plot, error) {
    const box = document.createElement("div");
    box.className = "failure";
    box.textContent = "This figure could not be drawn: " + error.message;
    plot.replaceWith(box);
  }

  async function draw(source) {
    if (source.dataset.drawn) return;
    source.dataset.drawn = "yes";
    const plot = document.getElementById(source.dataset.figure);
    try {
      const figure = JSON.parse(source.textContent);
      await Plotly.newPlot(plot, figure.data, figure.layout, config);
      if (figure.frames) await Plotly.addFrames(plot, figure.frames);
    } catch (error) {
      fail(plot, error);
    }
  }

  const sources = Array.from(document.querySelectorAll("script[data-figure]"));
  const byPlot = new Map(sources.map((each) => [each.dataset.figure, each]));
  // Figures are drawn when they come near the screen, so that a long report opens at once.
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watcher.unobserve(entry.target);
        draw(byPlot.get(entry.target.id));
      }
    },
    { rootMargin: "800px" }
  );
  for (const id of byPlot.keys()) watcher.observe(document.getElementById(id));
  // The rest follows while nothing else happens, so that printing finds every figure drawn.
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 50));
  function drawNext(index) {
    if (index >= sources.length || index >= 40) return;
    idle(() => draw(sources[index]).then(() => drawNext(index + 1)));
  }
  window.addEventListener("load", () => drawNext(0));
  window.addEventListener("beforeprint", () => sources.forEach(draw));
})();
