// ONNX graphs on onnxruntime-web: WebGPU for graphs that give the same result there as on WebAssembly, which
// has threads on a cross-origin isolated page, and one elsewhere.

const MOST_THREADS = 8;
const SAME = 40; // dB by which results on WebGPU may differ

/** Runs the graphs of a site, one run at a time. */
export class Runtime {
  /** `root`: URL of the site; `probes`: path of a graph -> function that gives inputs and an output to compare. */
  constructor(root, probes) {
    Object.assign(this, { root, probes, gpu: false, sessions: new Map(), last: Promise.resolve() });
    this.threads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
    this.providers = {}; // of the graphs that are loaded
  }

  /** Load onnxruntime-web. */
  async open() {
    this.gpu = await hasGpu();
    const folder = new URL("runtime/", this.root).href;
    this.ort = await import(folder + (this.gpu ? "ort.webgpu.min.mjs" : "ort.wasm.min.mjs"));
    this.ort.env.wasm.wasmPaths = folder;
    this.ort.env.wasm.numThreads = this.threads;
    this.ort.env.logLevel = "error";
  }

  /** The session of a graph, loaded when it is first asked for. */
  session(path) {
    if (!this.sessions.has(path)) {
      const loading = this.#load(path);
      loading.catch(() => this.sessions.delete(path)); // a lost connection may come back
      this.sessions.set(path, loading);
    }
    return this.sessions.get(path);
  }

  async #load(path) {
    const graph = await this.fetch(path);
    const cpu = await this.#create(graph, "wasm");
    this.providers[path] = "wasm";
    if (!this.gpu || !this.probes[path]) return cpu;
    try {
      const [inputs, output] = this.probes[path]();
      const gpu = await this.#create(graph, "webgpu");
      const [wanted, got] = [await this.#run(cpu, inputs, [output]), await this.#run(gpu, inputs, [output])];
      if (!(decibels(wanted[output].data, got[output].data) >= SAME)) return cpu;
      this.providers[path] = "webgpu";
      await cpu.release();
      return gpu;
    } catch (error) {
      console.warn(`${path} does not run on WebGPU:`, error);
      return cpu;
    }
  }

  #create(graph, provider) {
    // Pictures differ in size, and a memory pattern would be kept for each.
    return this.ort.InferenceSession.create(graph, {
      executionProviders: [provider],
      enableMemPattern: false,
    });
  }

  /** The bytes of a file of the site. */
  async fetch(path) {
    const answer = await fetch(new URL(path, this.root));
    if (!answer.ok) throw new Error(`cannot load ${path} (${answer.status})`);
    return new Uint8Array(await answer.arrayBuffer());
  }

  /** Run a graph. `inputs`: name -> [Float32Array or Uint8Array, shape]. Gives name -> {data, dims} of the named outputs. */
  async run(path, inputs, outputs) {
    return this.#run(await this.session(path), inputs, outputs);
  }

  async #run(session, inputs, outputs) {
    const feed = Object.fromEntries(
      Object.entries(inputs).map(([name, [data, shape]]) => [
        name,
        new this.ort.Tensor(data instanceof Uint8Array ? "uint8" : "float32", data, shape),
      ]),
    );
    const turn = this.last.then(() => session.run(feed, outputs));
    this.last = turn.catch(() => {}); // a failed run must not stop those after it
    return turn;
  }
}

async function hasGpu() {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    return Boolean(adapter) && !adapter.info?.isFallbackAdapter;
  } catch {
    return false;
  }
}

/** Peak signal-to-noise ratio of an array to a reference, whose largest magnitude is the peak. */
function decibels(reference, other) {
  let [sum, peak] = [0, 0];
  for (let i = 0; i < reference.length; i++) {
    sum += (reference[i] - other[i]) ** 2;
    peak = Math.max(peak, Math.abs(reference[i]));
  }
  return 10 * Math.log10((peak * peak * reference.length) / sum);
}

const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();

/** Let messages in, such as a cancellation, then go on; throws if `signal` is aborted. */
export async function pause(signal) {
  await new Promise((done) => {
    waiting.push(done);
    channel.port2.postMessage(null);
  });
  signal?.throwIfAborted();
}
