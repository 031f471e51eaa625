using System.Net;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Music;
using Module10.Rooms.Music;

namespace Module10.Tests;

[Collection(CapstoneCollection.Name)]
public sealed class MusicTests(CapstoneServer server) : IDisposable
{
    private static readonly object[] _melody =
        [new { pitch = 67, quarters = 1 }, new { pitch = 69, quarters = 0.5 }, new { quarters = 0.5 }, new { pitch = 71, quarters = 2 }];

    private readonly Visitor _visitor = new(server.Address);

    [Fact]
    public async Task A_piece_is_composed_and_can_be_heard_seen_and_kept_by_its_visitor_alone()
    {
        JsonNode piece = await OneAsync("compose", new { key = "G major", tempo = 120, bars = 2, seed = 3, instrument = "organ" });
        string url = $"/api/music/pieces/{piece["number"]}";
        NoteSequence midi = await MidiAsync(piece);
        Assert.Equal((int)piece["notes"]!, midi.Notes.Count);
        Assert.Equal(120, midi.Tempos[0].QuartersPerMinute, 3);
        Assert.All(midi.Notes, note => Assert.Equal(19, note.Instrument));
        byte[] wav = await _visitor.Http.GetByteArrayAsync($"{url}/wav");
        Assert.Equal("RIFF"u8, wav.AsSpan(0, 4));
        // Two channels of two bytes; the sound of the last note goes on for two seconds.
        double seconds = (wav.Length - 44) / 4.0 / 22_050;
        Assert.Equal(midi.Length.TotalSeconds + 2, seconds, 0.1);
        Assert.Equal([0x89, .. "PNG"u8], (await _visitor.Http.GetByteArrayAsync($"{url}/png"))[..4]);

        using var other = new Visitor(server.Address);
        foreach (string form in (string[])["mid", "wav", "png"])
            Assert.Equal(HttpStatusCode.NotFound, (await other.Http.GetAsync($"{url}/{form}")).StatusCode);
    }

    [Theory]
    [InlineData("continue", false)]
    [InlineData("harmonize", true)]
    public async Task A_melody_of_the_visitor_stays_as_it_is(string path, bool hasVoices)
    {
        JsonNode piece = await OneAsync(path, new { notes = _melody, bars = 2, seed = 1 });
        NoteSequence midi = await MidiAsync(piece);
        Assert.Equal(
            [(67, 0.0, 1.0), (69, 1, 1.5), (71, 2, 4)],
            midi.OfVoice(0).Notes.Where(note => note.Start < 4 * midi.TicksPerQuarter).Select(note => (
                note.Pitch, (double)note.Start / midi.TicksPerQuarter, Math.Min(4, (double)note.End / midi.TicksPerQuarter))));
        Assert.Equal(hasVoices, midi.Notes.Any(note => note.Voice > 0));
    }

    [Theory]
    [InlineData("compose", """{"bars": 1000}""", "expected 1 to 32")]
    [InlineData("compose", """{"tempo": 1e9}""", "expected 40 to 200")]
    [InlineData("compose", """{"key": "H"}""", "is no key; expected a name such as")]
    [InlineData("compose", """{"instrument": "../x"}""", "expected one of piano, organ, strings, choir")]
    [InlineData("continue", "{}", "The melody has no note")]
    [InlineData("continue", """{"notes": [{"pitch": 60, "quarters": 8}], "bars": 2}""", "lasts 8 quarter notes")]
    [InlineData("harmonize", """{"notes": [{"quarters": 1}]}""", "The melody has no note")]
    [InlineData("harmonize", """{"notes": [{"pitch": 10, "quarters": 1}]}""", "The melody has the pitch 10; expected 55 to 84.")]
    [InlineData("harmonize", """{"notes": [{"pitch": 60, "quarters": 0.3}]}""", "A note lasts 0.3 quarter notes")]
    public async Task What_cannot_be_done_is_said_before_the_visitor_waits(string path, string request, string expected)
    {
        (HttpStatusCode status, string error) = await _visitor.FailAsync($"/api/music/{path}", JsonNode.Parse(request)!);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_melody_of_a_file_is_its_highest_notes_in_the_range_of_the_keyboard()
    {
        // C4 and E4 together, a rest, and a C7, an octave too high, above drums; played a little early and late.
        var piece = new NoteSequence(
            480,
            [
                new Note(60, 470, 500), new Note(64, 490, 470), new Note(96, 1_450, 700), new Note(40, 0, 2_000) { Channel = 9 },
            ]);
        using var stream = new MemoryStream();
        MidiFile.Write(stream, piece);
        using HttpResponseMessage response = await _visitor.Http.PostAsync("/api/music/melody", new ByteArrayContent(stream.ToArray()));
        JsonArray notes = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["notes"]!.AsArray();
        Assert.Equal(
            [(64, 1), (null, 1), (84, 1.5)], notes.Select(note => ((int?)note!["pitch"], (double)note["quarters"]!)));
    }

    [Theory]
    [InlineData("text", 400, "The file is not MIDI that can be read")]
    [InlineData("silence", 400, "The file has no tone.")]
    [InlineData("long", 413, "The file has more than 256,000 bytes.")]
    public async Task Uploads_are_checked(string kind, int status, string expected)
    {
        using var stream = new MemoryStream();
        MidiFile.Write(stream, new NoteSequence(480, []));
        byte[] bytes = kind switch
        {
            "text" => "MThd?"u8.ToArray(),
            "silence" => stream.ToArray(),
            _ => new byte[UploadedMelody.MostBytes + 1],
        };
        using HttpResponseMessage response = await _visitor.Http.PostAsync("/api/music/melody", new ByteArrayContent(bytes));
        Assert.Equal(status, (int)response.StatusCode);
        string error = (string)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.StartsWith(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_the_last_pieces_are_kept()
    {
        using var pieces = new VisitorPieces();
        int first = pieces.Add(new NoteSequence(480, []));
        int[] others = [.. Enumerable.Range(0, VisitorPieces.Most).Select(_ => pieces.Add(new NoteSequence(480, [])))];
        Assert.All(others, number => Assert.NotNull(pieces.Find(number)));
        Assert.Contains("the last 10 are kept", Assert.Throws<Module10.Http.VisitorException>(() => pieces.Find(first)).Message);
    }

    [Fact]
    public void Made_chorales_follow_the_rules_of_counterpoint_and_end_where_they_began()
    {
        IReadOnlyList<NoteSequence> pieces = MadeChorales.Write(20, seed: 1);
        VoiceLeading faults = VoiceLeading.Of(pieces);
        Assert.Equal((0, 0, 0), (faults.ParallelFifths, faults.ParallelOctaves, faults.Crossings));
        Assert.True(faults.Motions > 100);
        Assert.All(pieces, piece =>
        {
            IReadOnlyList<Note> bass = piece.OfVoice(3).Notes;
            Assert.Equal(bass[0].Pitch % 12, bass[^1].Pitch % 12);
            Assert.True(piece.OfVoice(0).Notes.Select(note => note.Pitch).Distinct().Count() > 3);
        });
    }

    public void Dispose() => _visitor.Dispose();

    private async Task<JsonNode> OneAsync(string path, object request)
    {
        var events = await _visitor.RunAsync($"/api/music/{path}", request);
        Assert.True(events[^1].Name == "done", events[^1].Data.ToJsonString());
        Assert.Contains(events, e => e.Name == "progress");
        return events.Single(e => e.Name == "piece").Data;
    }

    private async Task<NoteSequence> MidiAsync(JsonNode piece) => MidiFile.Read(
        new MemoryStream(await _visitor.Http.GetByteArrayAsync($"/api/music/pieces/{piece["number"]}/mid")));
}
