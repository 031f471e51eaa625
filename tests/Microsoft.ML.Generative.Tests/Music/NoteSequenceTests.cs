using System.Text.Json;
using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative.Tests;

public sealed class NoteSequenceTests
{
    private static NoteSequence Full => new(
        960,
        [
            new Note(60, 0, 960), new Note(67, 0, 480) { Velocity = 100, Instrument = 40, Channel = 3, Voice = 1 },
            new Note(36, 960, 10) { Channel = 9, Voice = 2 },
        ],
        [new TempoChange(0, 500_000), new TempoChange(960, 250_000)], [new MeterChange(0, 6, 8)],
        [new KeyChange(0, new MusicKey(9, true))]);

    [Fact]
    public void A_piece_goes_to_json_and_back()
    {
        string json = JsonSerializer.Serialize(Full);
        Assert.Equal(Full, JsonSerializer.Deserialize<NoteSequence>(json));
        Assert.DoesNotContain("IsDrum", json);

        var web = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        Assert.Equal(Full, JsonSerializer.Deserialize<NoteSequence>(JsonSerializer.Serialize(Full, web), web));
    }

    [Fact]
    public void Notes_are_sorted_and_pieces_compare_by_value()
    {
        Assert.Equal([67, 60, 36], Full.Notes.Select(note => note.Pitch));
        Assert.Equal(Full, new NoteSequence(960, [.. Full.Notes.Reverse()], Full.Tempos, Full.Meters, Full.Keys));
        Assert.Equal(Full.GetHashCode(), new NoteSequence(960, Full.Notes, Full.Tempos, Full.Meters, Full.Keys).GetHashCode());
        Assert.NotEqual(Full, Full.Transpose(1));
        Assert.NotEqual(Full, Full.WithTempo(60));
    }

    // A quarter at 120, then the rest at 240: 0.5 s + 0.25 s for each further quarter.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(480, 0.25)]
    [InlineData(960, 0.5)]
    [InlineData(1920, 0.75)]
    public void Time_follows_the_tempos(long tick, double seconds) => Assert.Equal(seconds, Full.TimeAt(tick).TotalSeconds, 9);

    [Fact]
    public void A_piece_without_tempos_has_120_quarters_a_minute() =>
        Assert.Equal(TimeSpan.FromSeconds(2), Pieces.Melody(480, 60, 62, 64, 65).Length);

    [Fact]
    public void Transposing_moves_tones_and_keys_and_leaves_drums()
    {
        NoteSequence higher = Full.Transpose(14);
        Assert.Equal([81, 74, 36], higher.Notes.Select(note => note.Pitch));
        Assert.Equal(new MusicKey(11, true), higher.Keys[0].Key);
        Assert.Equal(Full, higher.Transpose(-14));
        Assert.Contains("Pitch of note 0 is 131", Assert.Throws<ArgumentException>(() => Full.Transpose(64)).Message);
    }

    [Fact]
    public void A_slice_cuts_notes_and_keeps_what_holds_at_its_start()
    {
        NoteSequence slice = Full.Slice(240, 970);
        Assert.Equal(
            [(67, 0L, 240L), (60, 0L, 720L), (36, 720L, 10L)], slice.Notes.Select(note => (note.Pitch, note.Start, note.Duration)));
        Assert.Equal([new TempoChange(0, 500_000), new TempoChange(720, 250_000)], slice.Tempos);
        Assert.Equal([new MeterChange(0, 6, 8)], slice.Meters);
        Assert.Empty(Full.Slice(2000, 3000).Notes);
    }

    [Fact]
    public void Values_out_of_range_are_named()
    {
        AssertError("Pitch of note 0 is 128; expected 0 to 127.", () => new NoteSequence(480, [new Note(128, 0, 1)]));
        AssertError("Velocity of note 0 is 0", () => new NoteSequence(480, [new Note(60, 0, 1) { Velocity = 0 }]));
        AssertError("Channel of note 0 is 16", () => new NoteSequence(480, [new Note(60, 0, 1) { Channel = 16 }]));
        AssertError("Start of note 0 is -1", () => new NoteSequence(480, [new Note(60, -1, 1)]));
        AssertError("Duration of note 0 is", () => new NoteSequence(480, [new Note(60, 0x0FFF_FFFF, 1)]));
        AssertError("TicksPerQuarter is 0", () => new NoteSequence(0, []));
        AssertError("Denominator of a meter is 3", () => new NoteSequence(480, [], meters: [new MeterChange(0, 3, 3)]));
        AssertError("MicrosecondsPerQuarter of a tempo is 0", () => new NoteSequence(480, [], [new TempoChange(0, 0)]));
        AssertError("The tempo is 0 quarter notes", () => Full.WithTempo(0));
    }

    [Theory]
    [InlineData("C", 0, false, 0)]
    [InlineData("A minor", 9, true, 0)]
    [InlineData("F#m", 6, true, 3)]
    [InlineData("Bb major", 10, false, -2)]
    [InlineData("eb", 3, false, -3)]
    [InlineData("D", 2, false, 2)]
    [InlineData("B", 11, false, 5)]
    [InlineData("G minor", 7, true, -2)]
    public void Keys_have_names_and_signatures(string name, int tonic, bool isMinor, int sharps)
    {
        MusicKey key = MusicKey.Parse(name);
        Assert.Equal(new MusicKey(tonic, isMinor), key);
        Assert.Equal(sharps, key.Sharps);
        Assert.Equal(key, MusicKey.OfSignature(sharps, isMinor));
        Assert.Equal(key, MusicKey.Parse(key.ToString()));
    }

    [Fact]
    public void Every_key_is_transposed_on_the_shortest_way_to_the_one_without_sharps_and_flats()
    {
        foreach (MusicKey key in MusicKey.All)
        {
            Assert.Equal(new MusicKey(key.IsMinor ? 9 : 0, key.IsMinor), key.Transpose(key.SemitonesToNatural));
            Assert.InRange(key.SemitonesToNatural, -6, 5);
        }
    }

    [Fact]
    public void What_is_no_key_is_refused()
    {
        foreach (string name in (string[])["", "H", "C##", "C mixolydian"])
            Assert.Throws<FormatException>(() => MusicKey.Parse(name));
    }

    // A scale up and down with its tonic longest.
    [Theory]
    [InlineData(new[] { 60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60, 60 }, 0, false)]
    [InlineData(new[] { 69, 71, 72, 74, 76, 77, 80, 81, 76, 72, 69, 69 }, 9, true)]
    public void The_key_of_a_scale_is_found_in_all_transpositions(int[] pitches, int tonic, bool isMinor)
    {
        for (int shift = 0; shift < 12; shift++)
            Assert.Equal(
                new MusicKey((tonic + shift) % 12, isMinor), MusicKey.Estimate(Pieces.Melody(480, pitches).Transpose(shift)));
        Assert.Throws<ArgumentException>(() => MusicKey.Estimate(new NoteSequence(480, [])));
    }

    [Fact]
    public void Pieces_are_cut_into_parts_and_brought_to_other_keys()
    {
        NoteSequence piece = Pieces.Melody(480, 60, 62, 64, 65, 67);
        Assert.Equal([60, 64], new[] { piece }.InParts(2).Select(part => part.Notes[0].Pitch));
        Assert.Equal([60, 62, 64, 65], new[] { piece }.InParts(2, hop: 1).Select(part => part.Notes[0].Pitch));
        Assert.Equal([58, 59, 60, 61], new[] { piece }.InKeys(-2, 2, highestPitch: 68).Select(higher => higher.Notes[0].Pitch));
    }

    private static void AssertError(string expected, Func<object> attempt) =>
        Assert.Contains(expected, Assert.ThrowsAny<ArgumentException>(attempt).Message);
}
