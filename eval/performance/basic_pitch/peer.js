/** basic-pitch as its README uses it: a file decoded as a whole, then heard by TensorFlow.js. */

import { BasicPitch, noteFramesToTime, outputToNotesPoly } from "@spotify/basic-pitch";

window.state = { share: 0, nNotes: null, error: null, decoded: null };

window.hear = async (file) => {
  try {
    const context = new OfflineAudioContext(1, 1, 22_050);
    const decoded = await context.decodeAudioData(await file.arrayBuffer());
    window.state.decoded = decoded.duration;
    const mono = new AudioBuffer({ length: decoded.length, sampleRate: 22_050, numberOfChannels: 1 });
    mono.copyToChannel(decoded.getChannelData(0), 0);
    const frames = [];
    const onsets = [];
    await new BasicPitch("model/model.json").evaluateModel(
      mono,
      (someFrames, someOnsets) => {
        frames.push(...someFrames);
        onsets.push(...someOnsets);
      },
      (share) => (window.state.share = share),
    );
    window.state.nNotes = noteFramesToTime(outputToNotesPoly(frames, onsets, 0.5, 0.3, 11)).length;
  } catch (error) {
    window.state.error = `${error.name}: ${error.message}`;
  }
};
