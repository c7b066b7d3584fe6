// The live part of the page: asks for the state of a job until the worker has counted its words.
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { html } from 'htm/preact';

function Job({ id }) {
  const [job, setJob] = useState({ state: 'waiting' });
  useEffect(() => {
    let timer;
    const ask = async () => {
      const answer = await (await fetch(`/jobs/${id}.json`)).json();
      setJob(answer);
      if (answer.state !== 'done') timer = setTimeout(ask, 300);
    };
    ask();
    return () => clearTimeout(timer);
  }, [id]);
  if (job.state !== 'done') return html`<p>Job ${id}: ${job.state} …</p>`;
  return html`<table>
    <caption>${job.words} words</caption>
    ${job.top.map(([word, count]) => html`<tr><td>${word}</td><td>${count}</td></tr>`)}
  </table>`;
}

const place = document.getElementById('job');
if (place) render(html`<${Job} id=${place.dataset.id} />`, place);
