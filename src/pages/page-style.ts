// The stylesheet of all pages, for light and dark, small and large screens. It is part of the page, so that a page needs no
// second request. The policy allows it by its hash (page-layout.ts).

/** The background colours. Mobile browsers also use them for their toolbars. */
export const GROUND = { light: '#eff4f5', dark: '#0c1316' } as const

export const STYLE: string = `
:root {
  color-scheme: light dark;
  --ground: ${GROUND.light};
  --card: #ffffff;
  --edge: #d8e2e5;
  --ink: #14232a;
  --soft: #4d616b;
  --wire: #2a8390;
  --accent: #0b6a75;
  --accent-hover: #08545d;
  --on-accent: #ffffff;
  --shadow: 0 1px 2px rgb(20 35 42 / 5%), 0 18px 48px -12px rgb(20 35 42 / 14%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: ${GROUND.dark};
    --card: #141d21;
    --edge: #27343a;
    --ink: #e9f1f3;
    --soft: #a3b5bc;
    --wire: #4ba1ab;
    --accent: #74d3dc;
    --accent-hover: #98e2e9;
    --on-accent: #06262a;
    --shadow: none;
  }
}
* {
  box-sizing: border-box;
}
html {
  -webkit-text-size-adjust: 100%;
  text-size-adjust: 100%;
}
body {
  margin: 0;
  min-height: 100vh;
  min-height: 100dvh;
  display: flex;
  flex-direction: column;
  background: var(--ground);
  color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif;
  overflow-wrap: anywhere;
}
header {
  position: relative;
  display: flex;
  align-items: flex-end;
  gap: 0.375rem;
  margin-bottom: -2px;
  padding: 1rem 0.625rem 0;
  color: var(--soft);
  font-size: 0.875rem;
  font-weight: 600;
  line-height: 2.125rem;
}
svg {
  flex: none;
  fill: none;
  stroke: none;
}
.wire {
  stroke: var(--wire);
  stroke-width: 2;
}
.eyes {
  stroke-width: 3;
  stroke-linecap: round;
}
.inside {
  fill: var(--card);
}
main {
  flex: 1;
  padding: 2rem 1.25rem 2.5rem;
  border-top: 2px solid var(--wire);
  background: var(--card);
}
h1 {
  margin: 0 0 0.75rem;
  font-size: 1.625rem;
  line-height: 1.2;
  letter-spacing: -0.015em;
  text-wrap: balance;
}
p,
ul {
  margin: 0 0 0.75rem;
  text-wrap: pretty;
}
ul {
  padding-left: 1.25rem;
}
li {
  margin-bottom: 0.375rem;
}
strong {
  font-weight: 600;
}
code {
  font: 0.875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
.steps {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 0.75rem 1.5rem;
  margin-top: 1.75rem;
}
.choices {
  display: grid;
  gap: 1rem;
  margin-top: 1.75rem;
  padding: 0;
  list-style: none;
}
.choices .button {
  display: block;
  text-align: center;
}
.choices .hint {
  display: block;
  margin-top: 0.375rem;
  color: var(--soft);
  font-size: 0.875rem;
  text-align: center;
}
.button {
  display: inline-block;
  min-height: 2.75rem;
  padding: 0.5625rem 1.375rem;
  border: 1px solid transparent;
  border-radius: 0.625rem;
  background: var(--accent);
  color: var(--on-accent);
  font: inherit;
  font-weight: 600;
  text-align: center;
  text-decoration: none;
  cursor: pointer;
}
.button:hover {
  background: var(--accent-hover);
}
.link {
  padding: 0.5625rem 0;
  color: var(--accent);
  text-underline-offset: 0.2em;
}
.link:hover {
  color: var(--accent-hover);
  text-decoration-thickness: 2px;
}
:focus-visible {
  outline: 3px solid var(--accent);
  outline-offset: 3px;
  border-radius: 0.625rem;
}
.waits {
  display: flex;
  gap: 0.75rem;
  color: var(--soft);
}
.waits::before {
  content: '';
  flex: none;
  margin-top: 0.46em;
  height: 0;
  border: 0.3125rem solid var(--accent);
  border-radius: 50%;
}
.small {
  margin: 2rem 0 0;
  padding-top: 1.25rem;
  border-top: 1px solid var(--edge);
  color: var(--soft);
  font-size: 0.875rem;
}
.small > :last-child {
  margin-bottom: 0;
}
.small h2 {
  margin: 0 0 0.375rem;
  color: var(--ink);
  font-size: inherit;
}
.small + .small {
  margin-top: 1.25rem;
}
.request code {
  color: var(--ink);
  -webkit-user-select: all;
  user-select: all;
}
@media (min-width: 34rem) {
  body {
    align-items: center;
    padding: 10vh 2rem 3rem;
    padding: max(1.5rem, 11dvh) 2rem 3rem;
  }
  header,
  main {
    width: 100%;
    max-width: 30rem;
  }
  header {
    padding: 0 1.875rem;
  }
  main {
    flex: none;
    padding: 2.25rem 2.5rem;
    border: 2px solid var(--wire);
    border-radius: 1rem;
    box-shadow: var(--shadow);
  }
}
@media (max-width: 33.99rem) {
  .steps {
    flex-direction: column;
    align-items: stretch;
    text-align: center;
  }
  .button {
    width: 100%;
  }
}
@media (prefers-reduced-motion: no-preference) {
  .button,
  .link {
    transition: background-color 120ms, color 120ms;
  }
  .waits::before {
    animation: breathe 1.6s ease-in-out 3;
  }
  @keyframes breathe {
    50% {
      opacity: 0.25;
    }
  }
}
@media (forced-colors: active) {
  .wire {
    stroke: CanvasText;
  }
  .inside {
    fill: Canvas;
  }
  .button {
    border-color: ButtonBorder;
    background: ButtonFace;
    color: ButtonText;
  }
}
`
