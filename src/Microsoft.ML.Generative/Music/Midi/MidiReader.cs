using NAudio.Midi;

namespace Microsoft.ML.Generative.Music.Midi;

/// <summary>Reads a piece out of a MIDI file.</summary>
internal static class MidiReader
{
    /// <exception cref="InvalidDataException">The file is not valid; the message says where.</exception>
    public static NoteSequence Read(byte[] file, string name)
    {
        byte[] normalized = MidiChunks.Normalize(file, name);
        try
        {
            using var stream = new MemoryStream(normalized);
            return Read(new NAudio.Midi.MidiFile(stream, strictChecking: false).Events);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or IOException or InvalidDataException)
        {
            throw new InvalidDataException($"{name} is not valid: {e.Message}", e);
        }
    }

    private static NoteSequence Read(MidiEventCollection file)
    {
        List<Note> notes = [];
        List<TempoChange> tempos = [];
        List<MeterChange> meters = [];
        List<KeyChange> keys = [];
        int voice = 0;
        ILookup<int, (long Tick, int Track, int Patch)> programs = Enumerable.Range(0, file.Tracks)
            .SelectMany(track => file[track].OfType<PatchChangeEvent>().Select(e => (e.Channel, e.AbsoluteTime, track, e.Patch)))
            .ToLookup(e => e.Channel, e => (e.AbsoluteTime, e.track, e.Patch));
        for (int track = 0; track < file.Tracks; track++)
        {
            IList<MidiEvent> events = file[track];
            int before = notes.Count;
            ReadNotes(events, track, voice, programs, notes);
            if (notes.Count > before)
                voice++;
            foreach (MidiEvent e in events)
            {
                switch (e)
                {
                    case TempoEvent tempo:
                        tempos.Add(new TempoChange(e.AbsoluteTime, tempo.MicrosecondsPerQuarterNote));
                        break;
                    case TimeSignatureEvent meter:
                        int exponent = NoteChecks.InRange(meter.Denominator, 0, MeterChange.MostExponent, "The exponent of a meter");
                        meters.Add(new MeterChange(e.AbsoluteTime, meter.Numerator, 1 << exponent));
                        break;
                    case KeySignatureEvent key:
                        int sharps = NoteChecks.InRange((int)(sbyte)key.SharpsFlats, -7, 7, "The sharps of a key");
                        keys.Add(new KeyChange(e.AbsoluteTime, MusicKey.OfSignature(sharps, key.MajorMinor == 1)));
                        break;
                }
            }
        }

        return new NoteSequence(file.DeltaTicksPerQuarterNote, notes, tempos, meters, keys);
    }

    // Of several notes of one pitch that sound at once, the first to begin is the first to end.
    private static void ReadNotes(
        IList<MidiEvent> events, int track, int voice, ILookup<int, (long Tick, int Track, int Patch)> programs, List<Note> notes)
    {
        Dictionary<(int Channel, int Pitch), Queue<Note>> sounding = [];
        Dictionary<int, int> patches = [];
        foreach (MidiEvent e in events)
        {
            if (e is PatchChangeEvent program)
                patches[e.Channel] = program.Patch;
            if (e is not NoteEvent note)
                continue;
            (int, int) place = (e.Channel, note.NoteNumber);
            if (MidiEvent.IsNoteOn(e))
            {
                if (!sounding.TryGetValue(place, out Queue<Note>? queue))
                    sounding.Add(place, queue = new Queue<Note>());
                queue.Enqueue(new Note(note.NoteNumber, e.AbsoluteTime, 0)
                {
                    Velocity = note.Velocity,
                    Channel = e.Channel - 1,
                    Voice = voice,
                    Instrument = patches.TryGetValue(e.Channel, out int own) ? own : PatchOfOthers(e),
                });
            }
            else if (MidiEvent.IsNoteOff(e) && sounding.TryGetValue(place, out Queue<Note>? queue) && queue.Count > 0)
            {
                Add(queue.Dequeue(), e.AbsoluteTime);
            }
        }

        long end = events.Count > 0 ? events[^1].AbsoluteTime : 0;
        foreach (Note note in sounding.Values.SelectMany(queue => queue))
            Add(note, end);

        void Add(Note note, long at)
        {
            if (notes.Count == NoteSequence.MostNotes)
                throw new InvalidDataException($"there are more than {NoteSequence.MostNotes:N0} notes");
            notes.Add(note with { Duration = at - note.Start });
        }

        // A track may have the programs of all others.
        int PatchOfOthers(MidiEvent e) => programs[e.Channel]
            .Where(program => program.Track != track && program.Tick <= e.AbsoluteTime)
            .OrderBy(program => program.Tick).Select(program => program.Patch).LastOrDefault();
    }
}
