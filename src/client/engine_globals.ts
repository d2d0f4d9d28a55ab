/**
 * The names that every function finds on an engine of ours without a capture: the globals of a slot's Worker in Deno, wherever the client itself runs.
 * A test holds the list against a real engine; with an older Deno a few of the newest are missing there.
 */

/** Global names on engines. */
export const ENGINE_GLOBALS: ReadonlySet<string> = new Set(
  `
  AbortController AbortSignal AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt
  BigInt64Array BigUint64Array Blob Boolean Buffer ByteLengthQueuingStrategy Cache CacheStorage CloseEvent
  CompressionStream CountQueuingStrategy Crypto CryptoKey CustomEvent DOMException DOMMatrix
  DOMMatrixReadOnly DOMPoint DOMPointReadOnly DOMQuad DOMRect DOMRectReadOnly DataView Date
  DecompressionStream DedicatedWorkerGlobalScope Deno DisposableStack Error ErrorEvent EvalError Event
  EventSource EventTarget File FileReader FinalizationRegistry Float16Array Float32Array Float64Array
  FormData Function GPUAdapter GPUAdapterInfo GPUBindGroup GPUBindGroupLayout GPUBuffer GPUBufferUsage
  GPUCanvasContext GPUColorWrite GPUCommandBuffer GPUCommandEncoder GPUCompilationInfo
  GPUCompilationMessage GPUComputePassEncoder GPUComputePipeline GPUDevice GPUDeviceLostInfo GPUError
  GPUInternalError GPUMapMode GPUOutOfMemoryError GPUPipelineError GPUPipelineLayout GPUQuerySet GPUQueue
  GPURenderBundle GPURenderBundleEncoder GPURenderPassEncoder GPURenderPipeline GPUSampler GPUShaderModule
  GPUShaderStage GPUSupportedFeatures GPUSupportedLimits GPUTexture GPUTextureUsage GPUTextureView
  GPUUncapturedErrorEvent GPUValidationError Headers ImageBitmap ImageBitmapRenderingContext ImageData
  Infinity Int16Array Int32Array Int8Array Intl Iterator JSON Lock LockManager Map Math MessageChannel
  MessageEvent MessagePort NaN NavigatorUAData Number Object OffscreenCanvas Performance PerformanceEntry
  PerformanceMark PerformanceMeasure PerformanceObserver PerformanceObserverEntryList ProgressEvent Promise
  PromiseRejectionEvent Proxy QuotaExceededError RangeError ReadableByteStreamController ReadableStream
  ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController
  ReadableStreamDefaultReader ReferenceError Reflect RegExp Request Response Set SharedArrayBuffer String
  SubtleCrypto SuppressedError Symbol SyntaxError Temporal TextDecoder TextDecoderStream TextEncoder
  TextEncoderStream TransformStream TransformStreamDefaultController TypeError URIError URL URLPattern
  URLSearchParams Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet WebAssembly
  WebSocket Worker WorkerGlobalScope WorkerLocation WorkerNavigator WritableStream
  WritableStreamDefaultController WritableStreamDefaultWriter __defineGetter__ __defineSetter__
  __lookupGetter__ __lookupSetter__ __proto__ addEventListener alert atob btoa clearImmediate clearInterval
  clearTimeout close confirm console constructor createImageBitmap crypto decodeURI decodeURIComponent
  dispatchEvent display encodeURI encodeURIComponent escape eval fetch getParent global globalThis
  hasOwnProperty input isFinite isNaN isPrototypeOf location name navigator onerror onmessage
  onunhandledrejection parseFloat parseInt performance postMessage process prompt propertyIsEnumerable
  queueMicrotask removeEventListener reportError self setImmediate setInterval setTimeout structuredClone
  task toLocaleString toString undefined unescape valueOf
`.trim().split(/\s+/),
);
