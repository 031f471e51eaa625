using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Module10.Rooms.Chat;

namespace Module10.Tests;

[Collection(CapstoneCollection.Name)]
public sealed class ChatTests(CapstoneServer server) : IDisposable
{
    private static readonly object[] _examples = [new { question = "what is my dog called?", answer = "Rex." }];

    private readonly Visitor _visitor = new(server.Address);

    [Fact]
    public async Task An_answer_comes_in_pieces_and_the_same_seed_gives_the_same()
    {
        object[] messages = [new { role = "user", content = "Grüß dich 👋" }];
        object request = new { messages, system = "You are a pirate.", seed = 4 };
        var events = await _visitor.RunAsync("/api/chat/reply", request);
        Assert.Equal("started", events[0].Name);
        Assert.Equal(["answer", "done"], events.TakeLast(2).Select(e => e.Name));
        Assert.All(events.Skip(1).SkipLast(2), e => Assert.Equal("text", e.Name));
        Assert.InRange((int)events[^2].Data["tokens"]!, 1, 80);
        Assert.Equal(TextOf(events), TextOf(await _visitor.RunAsync("/api/chat/reply", request)));
    }

    [Fact]
    public async Task An_adapter_is_trained_chosen_and_removed_by_its_visitor_alone()
    {
        var events = await _visitor.RunAsync("/api/chat/adapters", new { name = "my dog", examples = _examples });
        Assert.Equal(["trained", "done"], events.TakeLast(2).Select(e => e.Name));
        JsonNode[] progress = [.. events.Where(e => e.Name == "progress").Select(e => e.Data)];
        Assert.Equal((int)progress[^1]["totalSteps"]!, (int)progress[^1]["step"]!);
        Assert.Equal(progress.Length, progress[^1]["curve"]!.AsArray().Count);

        object request = new { messages = new[] { new { role = "user", content = "hello" } }, adapter = "My Dog" };
        Assert.Equal("done", (await _visitor.RunAsync("/api/chat/reply", request))[^1].Name);
        using var other = new Visitor(server.Address);
        Assert.Equal(HttpStatusCode.NotFound, (await other.FailAsync("/api/chat/reply", request)).Status);
        Assert.Empty((await other.Http.GetFromJsonAsync<string[]>("/api/chat/adapters"))!);
        Assert.Equal(["my dog"], (await _visitor.Http.GetFromJsonAsync<string[]>("/api/chat/adapters"))!);

        Assert.Equal(HttpStatusCode.NotFound, (await other.Http.DeleteAsync("/api/chat/adapters/my%20dog")).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await _visitor.Http.DeleteAsync("/api/chat/adapters/my%20dog")).StatusCode);
        Assert.Empty((await _visitor.Http.GetFromJsonAsync<string[]>("/api/chat/adapters"))!);
    }

    [Fact]
    public async Task Two_visitors_are_answered_beside_each_other()
    {
        using var other = new Visitor(server.Address);
        object request = new { messages = new[] { new { role = "user", content = "hello" } }, seed = 1 };
        var both = await Task.WhenAll(_visitor.RunAsync("/api/chat/reply", request), other.RunAsync("/api/chat/reply", request));
        Assert.All(both, events => Assert.Equal("done", events[^1].Name));
        Assert.Equal(TextOf(both[0]), TextOf(both[1]));
    }

    [Fact]
    public async Task A_visitor_who_leaves_frees_the_queue()
    {
        using (JsonContent body = JsonContent.Create(new { name = "long", examples = _examples }))
        using (var request = new HttpRequestMessage(HttpMethod.Post, "/api/chat/adapters") { Content = body })
        {
            // The answer is not read: the connection is closed while the work is done.
            using HttpResponseMessage response = await _visitor.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        Assert.Equal("done", (await _visitor.RunAsync("/api/chat/adapters", new { name = "next", examples = _examples }))[^1].Name);
    }

    [Theory]
    [InlineData("reply", "{}", "There is no message to answer.")]
    [InlineData("reply", """{"messages": [{"role": "assistant", "content": "x"}]}""", "There is no message to answer.")]
    [InlineData("reply", """{"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]}""", "the user's or the")]
    [InlineData("reply", """{"messages": [{"role": "user", "content": "x"}], "temperature": 3}""", "expected 0 to 2")]
    [InlineData("adapters", """{"name": "../../x", "examples": [{"question": "x", "answer": "y"}]}""", "The name has 1 to 30 letters")]
    [InlineData("adapters", """{"name": "x"}""", "There are 0 examples")]
    [InlineData("adapters", """{"name": "x", "examples": [{"question": "x", "answer": " "}]}""", "Example 1 has no question or no answer.")]
    public async Task What_cannot_be_done_is_said_before_the_visitor_waits(string path, string request, string expected)
    {
        (HttpStatusCode status, string error) = await _visitor.FailAsync($"/api/chat/{path}", JsonNode.Parse(request)!);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Made_conversations_follow_their_system_prompt()
    {
        IReadOnlyList<string> conversations = MadeConversations.Write(2_000, seed: 1);
        Assert.Equal(conversations.Take(10), MadeConversations.Write(10, seed: 1));
        foreach (JsonArray turns in conversations.Select(text => JsonNode.Parse(text)!.AsArray()))
        {
            string system = (string)turns[0]!["role"]! == "system" ? (string)turns[0]!["content"]! : "";
            foreach (string answer in turns.Where(turn => (string)turn!["role"]! == "assistant").Select(turn => (string)turn!["content"]!))
            {
                Assert.Equal(system.Contains("pirate", StringComparison.Ordinal), answer.StartsWith("Arr!", StringComparison.Ordinal));
                if (system.Contains("capital", StringComparison.Ordinal))
                    Assert.Equal(answer.ToUpperInvariant(), answer);
            }
        }
    }

    public void Dispose() => _visitor.Dispose();

    private static string TextOf(IEnumerable<(string Name, JsonNode Data)> events) =>
        string.Concat(events.Where(e => e.Name == "text").Select(e => (string)e.Data["text"]!));
}
