using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Chat;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What a file says may be long; a message that names it is not.</summary>
public class QuotedTests
{
    private static readonly string _long = new('n', 100_000);

    [Fact]
    public void Short_messages_stay_as_they_are() =>
        Assert.Equal("what is wrong", Quoted.Message(new InvalidDataException("what is wrong")));

    [Fact]
    public void Long_messages_keep_their_beginning_and_their_end()
    {
        string message = Quoted.Message(new InvalidDataException($"at the member {_long} in line 7"));
        Assert.StartsWith("at the member nnn", message, StringComparison.Ordinal);
        Assert.EndsWith("nnn in line 7", message, StringComparison.Ordinal);
        Assert.InRange(message.Length, 900, 1_001);
    }

    public static TheoryData<string, Action> Readers => new()
    {
        { "a value of another type", () => ReadTexts($$"""{"{{_long}}":5}""") },
        { "a member twice", () => ModelConfigJson.ParseDocument(Bytes($$"""{"{{_long}}":1,"{{_long}}":2}"""), "file").Dispose() },
        { "an unknown member", () => Read<VaeOptions>($$"""{"{{_long}}":1}""") },
        { "an unknown choice", () => Read<VaeOptions>($$"""{"likelihood":"{{_long}}"}""") },
        { "a conversation", () => ConversationJson.Read($$"""{"{{_long}}":1,"{{_long}}":2}""", wantsAnswer: true) },
        { "a tokenizer", () => TokenizerFiles.Parse(Bytes($"[{_long}]"), "file", maxBytes: 1_000_000).Dispose() },
        { "an expression", () => ModuleNames.Compile($"({_long}", "TargetModules") },
        { "a template", () => ChatTemplate.FromJinja($"{{{{ {_long} | {_long} }}}}") },
    };

    [Theory]
    [MemberData(nameof(Readers))]
    public void A_reader_names_long_texts_of_a_file_briefly(string what, Action read)
    {
        Exception error = Assert.ThrowsAny<Exception>(read);
        Assert.True(error is InvalidDataException or ArgumentException, $"{what}: {error.GetType()}");
        Assert.True(error.Message.Length < 1_500, $"{what}: {error.Message.Length} characters");
    }

    private static void ReadTexts(string json) => Read<Dictionary<string, string>>(json);

    private static void Read<T>(string json)
    {
        using var document = ModelConfigJson.ParseDocument(Bytes(json), "file");
        ModelConfigJson.Deserialize<T>(document.RootElement, "file");
    }

    private static byte[] Bytes(string json) => System.Text.Encoding.UTF8.GetBytes(json);
}
