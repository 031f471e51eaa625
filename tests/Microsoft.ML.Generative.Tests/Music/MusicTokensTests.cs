using CsCheck;
using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Tests;

public sealed class MusicTokensTests
{
    // A quarter of C5 over two eighths of E4, then a rest of an eighth, then both together.
    private static readonly NoteSequence _piece = new(480,
    [
        new Note(72, 0, 480), new Note(64, 0, 240), new Note(64, 240, 240), new Note(72, 720, 240), new Note(64, 720, 240),
    ]);

    [Fact]
    public void A_piano_roll_says_what_sounds_in_each_step_and_what_is_held()
    {
        MusicTokens tokens = MusicTokens.PianoRoll(stepsPerQuarter: 2);
        Assert.Equal("72 64 | 72~ 64 | | 72 64 | ", tokens.Encode(_piece));
        Assert.Equal(_piece, tokens.Decode(tokens.Encode(_piece)));

        MusicTokens plain = MusicTokens.PianoRoll(stepsPerQuarter: 2, marksHeld: false);
        Assert.Equal("72 64 | 72 64 | | 72 64 | ", plain.Encode(_piece));
        Assert.Equal([480, 480, 240, 240], plain.Decode(plain.Encode(_piece)).Notes.Select(note => (int)note.Duration));
    }

    [Fact]
    public void Events_say_velocity_and_instrument_where_they_change()
    {
        MusicTokens tokens = MusicTokens.Events(stepsPerQuarter: 2, velocityLevels: 127);
        var piece = new NoteSequence(480,
        [
            new Note(60, 0, 480) { Velocity = 64 }, new Note(67, 0, 240) { Velocity = 64 },
            new Note(62, 480, 9600) { Velocity = 127 },
            new Note(38, 480, 240) { Velocity = 127, Channel = 9 },
            new Note(40, 480, 240) { Velocity = 1, Instrument = 33, Channel = 1 },
        ]);
        Assert.Equal(
            "i0 v64 n67 d1 n60 d2 t2 v127 n62 d16 d16 d8 i33 v1 n40 d1 i128 v127 n38 d1 ", tokens.Encode(piece));
        Assert.Equal(piece, tokens.Decode(tokens.Encode(piece)));
    }

    [Fact]
    public void Voices_have_a_word_each_in_each_step()
    {
        MusicTokens tokens = MusicTokens.Voices(stepsPerQuarter: 1);
        NoteSequence piece = Pieces.Chords([72, 67, 64, 48], [72, 65, 62, 50]);
        Assert.Equal("S72 A67 T64 B48 S72 A65 T62 B50 ", tokens.Encode(piece));
        Assert.Equal([(72, 960L), (67, 480L), (64, 480L), (48, 480L)],
            tokens.Decode(tokens.Encode(piece)).Notes.Take(4).Select(note => (note.Pitch, note.Duration)));
        Assert.Equal("S- A60 T- B- S70 A60 T- B- ", tokens.Encode(new NoteSequence(
            480, [new Note(60, 0, 960) { Voice = 1 }, new Note(70, 480, 480)])));
        Assert.Contains("voice 4", Assert.Throws<ArgumentException>(
            () => tokens.Encode(new NoteSequence(480, [new Note(60, 0, 1) { Voice = 4 }]))).Message);
    }

    [Fact]
    public void Music_on_the_grid_comes_back_exactly()
    {
        Gen<Note> note = Gen.Select(
            Gen.Int[21, 108], Gen.Int[0, 60], Gen.Int[1, 20], Gen.Int[1, 127], Gen.Int[0, 128],
            (pitch, start, steps, velocity, instrument) => new Note(pitch, 40L * start, 40L * steps)
            {
                Velocity = velocity,
                Instrument = instrument % 128,
                Channel = instrument == 128 ? 9 : 0,
            });
        Gen.Select(note.Array[0, 20], Gen.Int[-1, 23]).Sample((notes, key) =>
        {
            var piece = new NoteSequence(480, notes, keys: key < 0 ? [] : [new KeyChange(0, MusicKey.All[key])]);
            MusicTokens events = MusicTokens.Events(stepsPerQuarter: 12, velocityLevels: 127);
            NoteSequence back = events.Decode(events.Encode(piece));
            Assert.Equal(piece.Keys, back.Keys);
            Assert.Equal(piece.Notes.Select(Heard).Order(), back.Notes.Select(Heard).Order());
            Assert.Equal(events.Encode(piece), events.Encode(back));

            // Of notes of a pitch that do not overlap, as on a piano.
            List<Note> apart = [];
            foreach (Note one in notes.Where(one => !one.IsDrum))
            {
                if (apart.All(other => other.Pitch != one.Pitch || other.End <= one.Start || one.End <= other.Start))
                    apart.Add(new Note(one.Pitch, one.Start, one.Duration));
            }

            var piano = new NoteSequence(480, apart, keys: piece.Keys);
            MusicTokens roll = MusicTokens.PianoRoll(stepsPerQuarter: 12);
            Assert.Equal(piano, roll.Decode(roll.Encode(piano)));
        }, iter: 200);

        static (int, long, long, int, int, bool) Heard(Note note) =>
            (note.Pitch, note.Start, note.Duration, note.Velocity, note.IsDrum ? 0 : note.Instrument, note.IsDrum);
    }

    [DataFileFact("nottingham/hpps1.mid")]
    public void Folk_tunes_come_back_exactly() => Parallel.ForEach(FolkTunes(), path =>
    {
        MusicTokens tokens = MusicTokens.Events(stepsPerQuarter: 96, velocityLevels: 127);
        NoteSequence tune = MidiFile.Read(path);
        NoteSequence back = tokens.Decode(tokens.Encode(tune));
        // 1,024 ticks a quarter note are not a multiple of the grid's 96 steps: rounded to the next of them.
        long Rounded(long tick) => (2 * tick * 96 + 1024) / 2048 * 5;
        Assert.Equal(
            tune.Notes.Select(
                note => (note.Pitch, note.Velocity, Rounded(note.Start), Rounded(note.End) - Rounded(note.Start))).Order(),
            back.Notes.Select(note => (note.Pitch, note.Velocity, note.Start, note.Duration)).Order());
    });

    [DataFileFact("nottingham/hpps1.mid")]
    public void Folk_tunes_are_the_same_after_words_and_a_file_of_them()
    {
        string[] paths = FolkTunes();
        Assert.Equal(78, paths.Length);
        MusicTokens tokens = MusicTokens.Events(stepsPerQuarter: 96, velocityLevels: 127);
        Parallel.ForEach(paths, path => AssertComesBackFromAFile(tokens, MidiFile.Read(path)));
    }

    [DataFileFact("jsb-chorales/Jsb16thSeparated.json")]
    public void Chorales_are_the_same_after_words_and_a_file_of_them()
    {
        MusicSplit split = new MLContext().Generative().Datasets.JsbChorales(JsbFile.SixteenthVoices);
        NoteSequence[] chorales =
            [.. split.TrainSet.ReadMusic(), .. split.ValidationSet.ReadMusic(), .. split.TestSet.ReadMusic()];
        Assert.Equal(382, chorales.Length);
        MusicTokens tokens = MusicTokens.Voices(stepsPerQuarter: 4, lowest: 21, highest: 108);
        Parallel.ForEach(chorales, piece => AssertComesBackFromAFile(tokens, piece));
    }

    [Fact]
    public void The_tokenizer_has_a_token_for_each_word_and_says_what_they_mean()
    {
        foreach (MusicTokens tokens in (MusicTokens[])[
            MusicTokens.PianoRoll(3, marksHeld: false, 30, 90), MusicTokens.PianoRoll(hasRelativePitches: true),
            MusicTokens.Voices(4, 40, 80), MusicTokens.Events(6, 8), MusicTokens.Events(hasRelativePitches: true)])
        {
            MusicTokens again = MusicTokens.Of(tokens.Tokenizer);
            Assert.Equal(tokens.Tokenizer.VocabularySize, again.Tokenizer.VocabularySize);
            Assert.Equal(tokens.StepsPerQuarter, again.StepsPerQuarter);
            Assert.Equal(tokens.HasRelativePitches, again.HasRelativePitches);
            string text = tokens.Encode(Pieces.Chords([72, 67, 64, 48], [71, 62, 55, 50]));
            Assert.Equal(text, again.Encode(Pieces.Chords([72, 67, 64, 48], [71, 62, 55, 50])));
            IReadOnlyList<int> ids = tokens.Tokenizer.EncodeFragment(text);
            Assert.Equal(text.Count(c => c == ' '), ids.Count);
            Assert.Equal(text, tokens.Tokenizer.Decode(ids));
        }

        Assert.Contains("not one of music", Assert.Throws<ArgumentException>(
            () => MusicTokens.Of(Microsoft.ML.Generative.Tokenizers.GenerativeTokenizers.CharacterLevel(["abc"]))).Message);
    }

    [Fact]
    public void Keys_are_the_first_word()
    {
        MusicTokens tokens = MusicTokens.PianoRoll(stepsPerQuarter: 2);
        Assert.StartsWith("key:F#m 72 64 |", tokens.Encode(_piece.WithKey(new MusicKey(6, true))));
        Assert.Equal([new KeyChange(0, new MusicKey(6, true))], tokens.Decode("key:F#m 72 | ").Keys);
        Assert.StartsWith("key:Eb ", tokens.Encode(_piece.WithKey(new MusicKey(3, false))));
    }

    // What the issue asks of relative models: transposing leaves what they see, and shifts what they say.
    [Fact]
    public void Relative_pitches_are_the_same_in_all_keys()
    {
        foreach (MusicTokens tokens in (MusicTokens[])[
            MusicTokens.Events(hasRelativePitches: true), MusicTokens.PianoRoll(12, hasRelativePitches: true)])
        {
            string text = tokens.Encode(_piece);
            Assert.Equal(text, tokens.Encode(_piece.Transpose(12)));
            Assert.Equal(text, tokens.Encode(_piece.Transpose(-7).WithKey(new MusicKey(5, false))));
            Assert.Equal(tokens.Decode(text, reference: 72).Transpose(12), tokens.Decode(text, reference: 84));
            Assert.Equal(_piece.Notes.Select(note => note.Pitch), tokens.Decode(text, reference: 72).Notes.Select(note => note.Pitch));
        }

        Assert.Throws<ArgumentException>(() => MusicTokens.Events().Decode("n60 d4 ", reference: 72));
    }

    [Fact]
    public void What_makes_no_sense_is_left_out_and_what_is_no_word_refused()
    {
        MusicTokens events = MusicTokens.Events(stepsPerQuarter: 4);
        Assert.Equal([(62, 480L, 120L)],
            events.Decode("d4 n60 t4 n62 d1 n64 key:C v2 ").Notes.Select(note => (note.Pitch, note.Start, note.Duration)));
        MusicTokens roll = MusicTokens.PianoRoll(stepsPerQuarter: 4);
        Assert.Equal([(60, 0L, 240L), (60, 240L, 120L)],
            roll.Decode("60~ 60~ | 60~ | 60").Notes.Select(note => (note.Pitch, note.Start, note.Duration)));
        Assert.Contains("'n128'", Assert.Throws<ArgumentException>(() => events.Decode("n128 ")).Message);
        Assert.Contains("'72'", Assert.Throws<ArgumentException>(() => events.Decode("72 ")).Message);
        Assert.Contains("the pitch 20; expected 21 to 108", Assert.Throws<ArgumentException>(
            () => roll.Encode(Pieces.Melody(480, 20))).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => MusicTokens.PianoRoll(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => MusicTokens.PianoRoll(4, true, 60, 50));
        Assert.Throws<ArgumentOutOfRangeException>(() => MusicTokens.Events(12, 128));
    }

    private static string[] FolkTunes() =>
        Directory.GetFiles(Path.GetDirectoryName(DataFile.Find("nottingham/hpps1.mid"))!, "*.mid");

    private static void AssertComesBackFromAFile(MusicTokens tokens, NoteSequence piece)
    {
        string words = tokens.Encode(piece);
        Assert.Contains(' ', words);
        NoteSequence decoded = tokens.Decode(words);
        using var file = new MemoryStream();
        MidiFile.Write(file, decoded);
        file.Position = 0;
        NoteSequence read = MidiFile.Read(file);
        Assert.Equal(decoded.Notes, read.Notes);
        Assert.Equal(words, tokens.Encode(read));
    }
}
