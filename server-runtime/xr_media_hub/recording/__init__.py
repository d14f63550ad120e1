"""Records participants' cameras and microphones to files, beside the hub's work and never in its way.

`Recorder` observes a hub; each track has a thread, a bounded queue and a folder of its own
(``<participant>/<track>/``). A file is a fragmented MP4 (H.264 or VP9, Opus) named after the microsecond of its first
sample, and can be played up to its last whole second even if the hub is killed; a JSON file of the same name tells
its times and size once it is complete. A frame's time is the hub's stamp of it: ``start_us`` plus its time in the
file, to the microsecond.

Needs PyAV (``xr-media-hub[record]``), so nothing else of the hub imports this package unless recording is on.
"""

from xr_media_hub.recording._archive import Archive
from xr_media_hub.recording._recorder import Recorder

__all__ = ("Archive", "Recorder")
