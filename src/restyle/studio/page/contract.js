/** What the page and its engines agree on. `server/engine.js` and `browser/engine.js` are engines.
 *
 * @typedef {object} Request
 * @property {"fast"|"paint"|"photo"} method   photo: the colors and light of a photo
 * @property {?string} look        a photographic look; there are no styles then
 * @property {{name: string, weight: number}[]} styles   weights add up to 1
 * @property {number} strength     0..1
 * @property {number} likeness     0..1, for paint
 * @property {number} styleScale   0.25..4
 * @property {boolean} keepColors
 * @property {{mask: Blob, style: string}[]} regions   grayscale PNG of the entire photo; a style's name or "keep"
 * @property {?number[]} crop      x, y, width, height as parts of the photo
 * @property {?number} size        longest side of the result in px; not given: the photo's
 * @property {?object} options     more options of videos and sounds, named as in Python
 *
 * @typedef {object} Engine   made by `async function open()`
 * @property {object} can     paint, photo, boxes, video, audio, camera, live, tiff, anyFormat; what is missing is
 *   not shown
 * @property {() => Promise<boolean>} alive
 * @property {() => Promise<object[]>} styles      {name, title, artist, year, kind, artwork};
 *   kind: painting, look, sound
 * @property {(style, size: number) => ?string} artwork   URL of the artwork of a style
 * @property {(image: Blob) => Promise<object>} addStyle
 * @property {(photo: Blob, names: string[], {signal, size, onTile}) => Promise<void>} wall
 * @property {(photo: Blob, request: Request, {signal, type}) => Promise<Blob>} image     fast, or photo
 * @property {(photo: Blob, request: Request, handlers) => Promise<Blob>} paint   handlers: signal, type, onJob(id),
 *   onPosition(n), onProgress(part, secondsLeft), onPreview(Blob)
 * @property {(photo: Blob, request: Request, type: string, {signal, jobId}) => Promise<Blob>} save   full size
 * @property {(jobId: ?string) => Promise<boolean>} keeps   whether `save` needs not paint this job's picture again
 * @property {(photo: Blob, box: number[]) => Promise<Blob>} [cutOut]   mask of what x, y, width, height enclose
 * @property {(file: File, kind: "video"|"audio", request: Request, handlers) => Promise<Blob>} job
 *   handlers also: onUpload(part)
 * @property {(id: string, handlers) => Promise<Blob>} [resume]   a job after a reload
 */

/** An engine could not do what was asked. `code` "gone" means that nothing answered at all. */
export class EngineError extends Error {
  constructor(code, message, { status = 0, field = null, retryAfter = 0 } = {}) {
    super(message);
    this.name = "EngineError";
    Object.assign(this, { code, status, field, retryAfter });
  }
}

/** A crop as the option `crop` has it: WIDTH%xHEIGHT%+LEFT%+TOP%. */
export function cropText([x, y, width, height]) {
  const percent = (part) => Math.floor(part * 10000 + 1e-6) / 100;
  const [left, top] = [percent(x), percent(y)];
  const side = (part, start) => Math.min(percent(part), +(100 - start).toFixed(2));
  return `${side(width, left)}%x${side(height, top)}%+${left}%+${top}%`;
}
