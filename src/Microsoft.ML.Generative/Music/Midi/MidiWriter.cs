using System.Numerics;
using NAudio.Midi;

namespace Microsoft.ML.Generative.Music.Midi;

/// <summary>Writes a piece as a MIDI file.</summary>
internal static class MidiWriter
{
    private const int ClocksPerQuarter = 24;
    private const int ThirtySecondsPerQuarter = 8;

    public static byte[] Write(NoteSequence piece)
    {
        var file = new MidiEventCollection(1, piece.TicksPerQuarter);
        file.AddTrack([.. Conductor(piece)]);
        foreach (IGrouping<int, Note> voice in piece.Notes.GroupBy(note => note.Voice).OrderBy(voice => voice.Key))
            file.AddTrack(Track([.. voice]));
        using var stream = new MemoryStream();
        NAudio.Midi.MidiFile.Export(stream, file);
        return stream.ToArray();
    }

    private static IEnumerable<MidiEvent> Conductor(NoteSequence piece)
    {
        IEnumerable<MidiEvent> tempos = piece.Tempos.Select(tempo => new TempoEvent(tempo.MicrosecondsPerQuarter, tempo.Tick));
        IEnumerable<MidiEvent> meters = piece.Meters.Select(meter => new TimeSignatureEvent(
            meter.Tick, meter.Numerator, BitOperations.Log2((uint)meter.Denominator), ClocksPerQuarter, ThirtySecondsPerQuarter));
        IEnumerable<MidiEvent> keys = piece.Keys.Select(
            key => new KeySignatureEvent(key.Key.Sharps, key.Key.IsMinor ? 1 : 0, key.Tick));
        List<MidiEvent> all = [.. meters.Concat(keys).Concat(tempos).OrderBy(e => e.AbsoluteTime)];
        return all.Append(End(all.Count > 0 ? all[^1].AbsoluteTime : 0));
    }

    private static List<MidiEvent> Track(Note[] notes)
    {
        Dictionary<int, int> patches = [];
        List<MidiEvent> events = [];
        var ends = new PriorityQueue<Note, (long, int)>();
        for (int i = 0; i < notes.Length; i++)
        {
            Note note = notes[i];
            EndNotes(note.Start);
            int channel = note.Channel + 1;
            if (!patches.TryGetValue(channel, out int patch) || patch != note.Instrument)
                events.Add(new PatchChangeEvent(note.Start, channel, patches[channel] = note.Instrument));
            events.Add(new NoteEvent(note.Start, channel, MidiCommandCode.NoteOn, note.Pitch, note.Velocity));
            ends.Enqueue(note, (note.End, i));
        }

        EndNotes(long.MaxValue);
        events.Add(End(events[^1].AbsoluteTime));
        return events;

        void EndNotes(long until)
        {
            while (ends.TryPeek(out Note? ended, out _) && ended.End <= until)
            {
                ends.Dequeue();
                events.Add(new NoteEvent(ended.End, ended.Channel + 1, MidiCommandCode.NoteOff, ended.Pitch, 0));
            }
        }
    }

    private static MetaEvent End(long tick) => new(MetaEventType.EndTrack, 0, tick);
}
