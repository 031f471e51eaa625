using CsCheck;
using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Tests;

public sealed class MidiFileTests
{
    // Format 1, two tracks, 96 ticks. The first has a tempo map, a meter and a key; the second uses running status, note-ons of velocity 0
    // as ends, a program change, a system message, and a controller.
    private static readonly byte[] _file =
    [
        .. "MThd"u8, 0, 0, 0, 6, 0, 1, 0, 2, 0, 96,
        .. "MTrk"u8, 0, 0, 0, 33,
        0, 0xFF, 0x51, 3, 0x07, 0xA1, 0x20, 0, 0xFF, 0x58, 4, 3, 2, 24, 8, 0, 0xFF, 0x59, 2, 0xFE, 1,
        96, 0xFF, 0x51, 3, 0x03, 0xD0, 0x90, 0, 0xFF, 0x2F, 0, 0,
        .. "XTRA"u8, 0, 0, 0, 2, 1, 2,
        .. "MTrk"u8, 0, 0, 0, 46,
        0, 0xF0, 3, 0x43, 0x10, 0xF7, 0, 0xC2, 48, 0, 0xB2, 7, 100,
        0, 0x92, 60, 64, 0, 64, 70, 0x60, 60, 0, 0, 64, 0, 0, 67, 80, 0x81, 0x40, 67, 0,
        0, 0xFF, 1, 2, 0x68, 0x69, 0, 0x92, 72, 90, 0x30, 0xFF, 0x2F, 0,
    ];

    private static readonly NoteSequence _piece = new(
        96,
        [
            new Note(60, 0, 96) { Velocity = 64, Instrument = 48, Channel = 2 },
            new Note(64, 0, 96) { Velocity = 70, Instrument = 48, Channel = 2 },
            new Note(67, 96, 192) { Velocity = 80, Instrument = 48, Channel = 2 },
            new Note(72, 288, 48) { Velocity = 90, Instrument = 48, Channel = 2 },
        ],
        [new TempoChange(0, 500_000), new TempoChange(96, 250_000)], [new MeterChange(0, 3, 4)], [new KeyChange(0, new MusicKey(7, true))]);

    [Fact]
    public void Running_status_tempo_map_and_open_notes_are_read_as_the_format_says()
    {
        Assert.Equal(_piece, Read(Fixed(_file)));
        Assert.Equal(1.125, _piece.Length.TotalSeconds, 9);
    }

    [Fact]
    public void What_is_written_is_read()
    {
        Assert.Equal(_piece, Read(Written(_piece)));

        // Voices, drums, instruments that change, notes that touch, and a key with six sharps.
        var rich = new NoteSequence(
            480,
            [
                new Note(60, 0, 480), new Note(60, 480, 480) { Instrument = 5 }, new Note(62, 480, 0) { Instrument = 6 },
                new Note(36, 0, 120) { Channel = 9, Voice = 1 }, new Note(48, 100, 1000) { Voice = 1, Instrument = 33 },
                new Note(50, 100, 900) { Voice = 2, Instrument = 127, Channel = 15, Velocity = 127 },
            ],
            [new TempoChange(10, 1), new TempoChange(20, 0xFFFFFF)], [new MeterChange(0, 255, 64), new MeterChange(480, 1, 1)],
            [new KeyChange(0, new MusicKey(6, false)), new KeyChange(480, new MusicKey(3, true))]);
        Assert.Equal(rich, Read(Written(rich)));
        Assert.Equal(new NoteSequence(480, []), Read(Written(new NoteSequence(480, []))));
    }

    [Fact]
    public void Random_pieces_are_written_and_read()
    {
        Gen<Note> note = Gen.Select(
            Gen.Int[0, 127], Gen.Long[0, 2000], Gen.Long[1, 500], Gen.Int[1, 127],
            (pitch, start, duration, velocity) => new Note(pitch, start, duration) { Velocity = velocity });
        Gen.Select(note.Array[0, 30], Gen.Int[0, 127]).Sample((notes, instrument) =>
        {
            // A pitch of a channel sounds once at a time.
            List<Note> apart = [];
            foreach (Note one in notes)
            {
                Note placed = one with { Instrument = instrument, Channel = apart.Count % 5 };
                if (apart.All(other => other.Pitch != one.Pitch || other.Channel != placed.Channel
                    || other.End <= one.Start || one.End <= other.Start))
                    apart.Add(placed);
            }

            var piece = new NoteSequence(480, apart);
            return Read(Written(piece)).Equals(piece);
        }, iter: 200);
    }

    [DataFileFact("nottingham/hpps1.mid", "nottingham/xmas1.mid")]
    public void All_files_of_the_data_are_read_written_and_read_the_same()
    {
        string folder = Path.GetDirectoryName(DataFile.Find("nottingham/hpps1.mid"))!;
        string[] files = Directory.GetFiles(folder, "*.mid");
        Assert.Equal(78, files.Length);
        foreach (string path in files)
        {
            NoteSequence read = MidiFile.Read(path);
            Assert.True(read.Notes.Count > 20, path);
            Assert.Equal(1024, read.TicksPerQuarter);
            Assert.Equal(read, Read(Written(read)));
            Assert.True(Written(read).SequenceEqual(Written(Read(Written(read)))), path);
        }
    }

    [DataFileFact("nottingham/hpps1.mid")]
    public void A_known_file_has_its_notes_meter_and_key()
    {
        NoteSequence tune = MidiFile.Read(DataFile.Find("nottingham/hpps1.mid")!);
        Assert.Equal([new KeyChange(0, new MusicKey(7, false))], tune.Keys);
        Assert.Equal([new MeterChange(0, 4, 4)], tune.Meters);
        // The first bytes of the track: after 0x98 0x00 = 3,072 ticks, D5 for 0x88 0x00 = 1,024 ticks, then G4.
        Assert.Equal(
            [(74, 3072L, 1024L), (67, 4096L, 1024L)],
            tune.OfVoice(0).Notes.Take(2).Select(note => (note.Pitch, note.Start, note.Duration)));
    }

    [Fact]
    public void A_folder_of_files_is_rows_of_music()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("b"));
        MidiFile.Write(folder.File("b/one.MIDI"), _piece);
        MidiFile.Write(folder.File("a.mid"), _piece.Transpose(1));
        File.WriteAllText(folder.File("notes.txt"), "no music");

        IDataView data = new MLContext().Generative().Datasets.MidiFolder(folder.Path);
        Assert.Equal([_piece.Transpose(1), _piece], data.ReadMusic());
        Assert.Equal(
            ["a.mid", Path.Combine("b", "one.MIDI")],
            new MLContext().Data.CreateEnumerable<MusicRow>(data, reuseRowObject: false).Select(row => row.Name));

        File.WriteAllText(folder.File("broken.mid"), "no music");
        Assert.Contains(
            "broken.mid",
            Assert.Throws<InvalidDataException>(() => new MLContext().Generative().Datasets.MidiFolder(folder.Path)).Message);
        Assert.Throws<ArgumentException>(() => new MLContext().Generative().Datasets.MidiFolder(Directory.CreateDirectory(
            folder.File("empty")).FullName));
    }

    [Fact]
    public void A_file_appears_only_when_it_is_complete()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("piece.mid");
        MidiFile.Write(path, _piece);
        MidiFile.Write(path, _piece.Transpose(2));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
        Assert.Equal(_piece.Transpose(2), MidiFile.Read(path));
        Assert.Throws<DirectoryNotFoundException>(() => MidiFile.Write(folder.File("none/piece.mid"), _piece));
    }

    [Fact]
    public void Files_that_are_not_valid_are_refused_with_the_place()
    {
        byte[] file = Fixed(_file);
        AssertBad("does not begin with the header", []);
        AssertBad("does not begin with the header", [.. "RIFF"u8, .. file[4..]]);
        AssertBad("has the format 2", Changed(file, 9, 2));
        AssertBad("has 0 tracks", Changed(file, 11, 0));
        AssertBad("has the division 0x8060", Changed(file, 12, 0x80));
        AssertBad("ends behind track 2 of 3", Changed(file, 11, 3));
        AssertBad("ends beyond the file", file[..^1]);
        AssertBad("has a meta event 0x51 of 2 bytes; expected 3", Changed(file, 25, 2));
        // An event whose length is 2²⁸ − 1 bytes, in a file of few.
        AssertBad("has an event of 268,435,455 bytes", Track(0, 0xFF, 1, 0xFF, 0xFF, 0xFF, 0x7F));
        AssertBad("has a number of more than four bytes", Track(0xFF, 0xFF, 0xFF, 0xFF, 0x7F));
        AssertBad("has a data byte where an event was expected", Track(0, 60, 64));
        AssertBad("has the byte 0x90 where data was expected", Track(0, 0x90, 60, 0x90));
        AssertBad("has the status 0xF4", Track(0, 0xF4));
        AssertBad("ends within an event", Track(0, 0x90, 60));
        AssertBad("has an event at tick 536,870,910", Track(
            0xFF, 0xFF, 0xFF, 0x7F, 0x90, 60, 64, 0xFF, 0xFF, 0xFF, 0x7F, 0x80, 60, 64));
        AssertBad("MicrosecondsPerQuarter of a tempo is 0", Track(0, 0xFF, 0x51, 3, 0, 0, 0));
        AssertBad("has more than 16,777,216 bytes", new byte[(1 << 24) + 1]);
    }

    [Fact]
    public void Damaged_files_are_read_or_refused_by_name()
    {
        byte[] file = Fixed(_file);
        Gen<(int Kind, int Place, byte[] Bytes)> change = Gen.Select(Gen.Int[0, 2], Gen.Int[0, file.Length - 1], Gen.Byte.Array[1, 6]);
        change.Array[1, 4].Sample(changes =>
        {
            byte[] damaged = file;
            foreach ((int kind, int place, byte[] bytes) in changes)
            {
                int at = Math.Min(place, damaged.Length);
                damaged = kind switch
                {
                    0 => [.. damaged[..at], .. bytes, .. damaged[Math.Min(damaged.Length, at + bytes.Length)..]],
                    1 => damaged[..at],
                    _ => [.. damaged[..at], .. bytes, .. damaged[at..]],
                };
            }

            try
            {
                NoteSequence read = Read(damaged);
                return Read(Written(read)).Notes.Count == read.Notes.Count;
            }
            catch (InvalidDataException)
            {
                return true;
            }
        }, iter: 3000);
    }

    private static NoteSequence Read(byte[] file) => MidiFile.Read(new MemoryStream(file));

    private static byte[] Written(NoteSequence piece)
    {
        using var stream = new MemoryStream();
        MidiFile.Write(stream, piece);
        return stream.ToArray();
    }

    private static void AssertBad(string expected, byte[] file) =>
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Read(file)).Message);

    private static byte[] Changed(byte[] file, int place, byte value) => [.. file[..place], value, .. file[(place + 1)..]];

    private static byte[] Track(params byte[] events) =>
        [.. "MThd"u8, 0, 0, 0, 6, 0, 0, 0, 1, 0, 96, .. "MTrk"u8, 0, 0, 0, (byte)events.Length, .. events];

    // The lengths of the two tracks, counted and not written by hand.
    private static byte[] Fixed(byte[] file)
    {
        byte[] copy = [.. file];
        int extra = copy.AsSpan().IndexOf("XTRA"u8), second = extra + 10;
        copy[21] = (byte)(extra - 22);
        copy[second + 7] = (byte)(copy.Length - second - 8);
        return copy;
    }
}
