using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Module10.Http;
using Module10.Rooms.Writer;

namespace Module10.Tests;

[Collection(CapstoneCollection.Name)]
public sealed class WriterTests(CapstoneServer server) : IDisposable
{
    private static readonly string _recipes = string.Concat(Enumerable.Range(1, 80).Select(i =>
        $"Pour {i} cups of flour into the bowl, add {i} eggs, and stir for {i} minutes.\n"));

    private readonly Visitor _visitor = new(server.Address);

    [Fact]
    public async Task A_text_is_learned_and_then_predicted_better()
    {
        Assert.False((bool)JsonNode.Parse(await _visitor.Http.GetStringAsync("/api/writer"))!["hasLearned"]!);
        var events = await _visitor.RunAsync("/api/writer/learn", _recipes);
        Assert.Equal(["before", "after", "done"], events.Select(e => e.Name).Where(name => name is "before" or "after" or "done"));
        Assert.Contains(events, e => e.Name == "progress");
        Assert.All(
            events.Where(e => e.Name == "sample"), e => Assert.StartsWith("Pour", (string)e.Data["text"]!, StringComparison.Ordinal));
        Assert.Contains(events, e => e.Name == "sample");
        double Perplexity(string name) => (double)events.Single(e => e.Name == name).Data["perplexity"]!;
        Assert.True(Perplexity("after") < Perplexity("before"), $"{Perplexity("before")}, {Perplexity("after")}");

        Assert.True((bool)JsonNode.Parse(await _visitor.Http.GetStringAsync("/api/writer"))!["hasLearned"]!);
        var written = await _visitor.RunAsync("/api/writer/continue", new { prompt = "Pour", tokens = 8 });
        Assert.Equal("done", written[^1].Name);
        Assert.Contains(written, e => e.Name == "text");

        using var other = new Visitor(server.Address);
        (HttpStatusCode status, string error) = await other.FailAsync("/api/writer/continue", new { prompt = "Pour" });
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains("has learned no text of yours", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_model_writes_before_it_has_learned_anything()
    {
        var written = await _visitor.RunAsync("/api/writer/continue", new { prompt = "", hasLearned = false, tokens = 8, seed = 2 });
        Assert.Equal("done", written[^1].Name);
    }

    [Theory]
    [InlineData("short", 400, "The text has 5 characters; expected at least 2,000.")]
    [InlineData("latin", 400, "The file is not text in UTF-8: byte 3 cannot be read.")]
    [InlineData("binary", 400, "The file is not a text: it has the control character 0 at place 2.")]
    [InlineData("long", 413, "The text has more than 300,000 bytes.")]
    public async Task Uploads_are_checked(string kind, int status, string expected)
    {
        byte[] bytes = kind switch
        {
            "short" => "short"u8.ToArray(),
            "latin" => [.. "caf"u8, 0xE9, .. new byte[10]],
            "binary" => [.. "ab"u8, 0, .. Encoding.UTF8.GetBytes(_recipes)],
            _ => Encoding.UTF8.GetBytes(new string('x', UploadedText.MostBytes + 1)),
        };
        using var content = new ByteArrayContent(bytes);
        using HttpResponseMessage response = await _visitor.Http.PostAsync("/api/writer/learn", content);
        Assert.Equal(status, (int)response.StatusCode);
        string error = (string)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.StartsWith(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_last_tenth_is_kept_back_at_the_end_of_a_line()
    {
        string line = new('a', 99);
        var text = UploadedText.Split(string.Concat(Enumerable.Repeat($"{line}\n", 30)));
        Assert.Equal((2_700, 300), (text.Train.Length, text.Test.Length));
        // Without lines, a character of two halves stays whole.
        string smiles = string.Concat(Enumerable.Repeat("😀", 1_005));
        text = UploadedText.Split(smiles);
        Assert.Equal(smiles, text.Train + text.Test);
        Assert.True(char.IsHighSurrogate(text.Test[0]));
        Assert.Throws<VisitorException>(() => UploadedText.Split(new string('a', 1_999)));
    }

    [Fact]
    public void A_mark_of_byte_order_and_other_line_ends_are_no_part_of_the_text() =>
        Assert.Equal("a\nb\n", UploadedText.Decode([0xEF, 0xBB, 0xBF, .. "a\r\nb\r"u8]));

    public void Dispose() => _visitor.Dispose();
}
