// One clock for the page: the video where there is one, else the time of day.
// Frames are those of the motion; `stamps` are their seconds in the video file.

export class Player {
  constructor({ times, stamps, video, onframe, onstate }) {
    Object.assign(this, { times, stamps: stamps ?? times, video, onframe, onstate });
    this.frame = 0;
    this.wanted = null; // a frame that the video does not show yet
    this.offset = 0; // of the video's clock at its first frame
    this.loop = true;
    this.speed = 1;
    this.playing = false;
    this.shown = null; // the frame that the video shows
    this.exact = Boolean(video?.requestVideoFrameCallback);
    if (!video) return;
    video.addEventListener("play", () => this.#state());
    video.addEventListener("pause", () => this.#state());
    video.addEventListener("seeked", () => this.#seeked());
    video.addEventListener("ended", () => this.#ended());
    if (this.exact) video.requestVideoFrameCallback((now, meta) => this.#presented(meta));
  }

  get count() {
    return this.times.length;
  }

  /** Return the frame that the video shows at a time of its clock. */
  frameAt(time) {
    const { stamps } = this;
    let low = 0, high = stamps.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (stamps[middle] <= time - this.offset + 1e-4) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #presented(meta) {
    if (this.wanted === null && this.shown === null && this.video.currentTime === 0) {
      const offset = meta.mediaTime - this.stamps[0];
      if (Math.abs(offset) < 1) this.offset = offset;
    }
    this.shown = this.frameAt(meta.mediaTime + 2e-3);
    if (this.wanted === null && !this.video.seeking) this.#set(this.shown);
    this.video.requestVideoFrameCallback((now, next) => this.#presented(next));
  }

  #seeked() {
    if (this.wanted !== null && this.wanted !== this.asked) return this.#seekVideo();
    this.wanted = null;
    if (!this.exact) this.shown = this.frameAt(this.video.currentTime);
  }

  #ended() {
    if (!this.loop) return this.#state();
    this.video.currentTime = 0;
    this.video.play().catch(() => this.#state());
  }

  #seekVideo() {
    const k = this.wanted, { stamps, video } = this;
    const step = k + 1 < stamps.length ? stamps[k + 1] - stamps[k] : stamps[k] - (stamps[k - 1] ?? 0) || 0.04;
    this.asked = k;
    video.currentTime = this.offset + stamps[k] + step / 2;
  }

  #set(frame) {
    if (frame === this.frame) return;
    this.frame = frame;
    this.onframe(frame);
  }

  #state() {
    this.playing = this.video ? !this.video.paused && !this.video.ended : this.playing;
    if (this.playing && (!this.video || !this.exact)) this.#tick(performance.now());
    this.onstate();
  }

  /** Advance without the callback of the video, or without a video. */
  #tick(before) {
    requestAnimationFrame((now) => {
      if (!this.playing) return;
      if (this.video) {
        if (!this.video.seeking) this.#set(this.frameAt(this.video.currentTime));
        return this.#tick(now);
      }
      const last = this.times[this.count - 1], first = this.times[0];
      this.now += (this.speed * (now - before)) / 1000;
      if (this.now > last + 0.5 * (last - first) / Math.max(this.count - 1, 1)) {
        if (!this.loop) return this.pause();
        this.now = first;
      }
      this.offset = 0;
      this.#set(this.frameAt(this.now));
      this.#tick(now);
    });
  }

  play() {
    if (this.video) return this.video.play().catch(() => this.#state());
    if (this.frame === this.count - 1) this.seek(0);
    this.now = this.times[this.frame];
    this.playing = true;
    this.#state();
  }

  pause() {
    if (this.video) return this.video.pause();
    this.playing = false;
    this.#state();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  setSpeed(speed) {
    this.speed = speed;
    if (this.video) this.video.playbackRate = speed;
  }

  /** Show a frame: the figure at once, the video as soon as it has it. */
  seek(frame) {
    const k = Math.max(0, Math.min(this.count - 1, Math.round(frame)));
    this.now = this.times[k];
    this.#set(k);
    if (!this.video || (this.wanted === null && this.shown === k && !this.playing)) return;
    const busy = this.wanted !== null;
    this.wanted = k;
    if (!busy || !this.video.seeking) this.#seekVideo();
  }
}
