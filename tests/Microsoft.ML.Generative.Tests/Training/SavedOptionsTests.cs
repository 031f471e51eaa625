using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Checkpoints;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Checkpoints of other versions, whose options had other names, or were fewer or more.</summary>
public sealed class SavedOptionsTests
{
    [Fact]
    public void An_option_that_a_checkpoint_lacks_had_its_default()
    {
        JsonObject saved = SavedOptions.Of(new VaeOptions());
        Assert.True(saved.Remove("freeBits"));
        Check(saved, new VaeOptions());
        Assert.Contains("FreeBits was 0 and is 0.5", Refusal(saved, new VaeOptions { FreeBits = 0.5 }));
    }

    [Fact]
    public void A_part_of_an_option_that_a_checkpoint_lacks_had_its_default()
    {
        JsonObject saved = SavedOptions.Of(new LanguageModelOptions());
        Assert.True(saved["architecture"]!.AsObject().Remove("slidingWindow"));
        Check(saved, new LanguageModelOptions());
        LanguageModelArchitecture windowed = LanguageModelArchitecture.GptNano with { SlidingWindow = 7 };
        Assert.Contains("Architecture was ", Refusal(saved, new LanguageModelOptions { Architecture = windowed }));
    }

    [Fact]
    public void An_option_that_this_version_does_not_know_is_named_with_the_version()
    {
        JsonObject saved = SavedOptions.Of(new VaeOptions());
        saved["temperature"] = 2;
        string message = Refusal(saved, new VaeOptions());
        Assert.Contains("it has the option Temperature (2)", message);
        Assert.Matches(@"version \d+\.\d+\.\d+\S* of Microsoft\.ML\.Generative does not know", message);
    }

    [Fact]
    public void A_part_of_an_option_and_a_value_that_this_version_does_not_know_are_named()
    {
        JsonObject saved = SavedOptions.Of(new LanguageModelOptions());
        saved["architecture"]!["experts"] = 8;
        Assert.Contains("experts", Refusal(saved, new LanguageModelOptions()));

        saved = SavedOptions.Of(new VaeOptions());
        saved["optimizer"] = "Newton";
        Assert.Contains("optimizer", Refusal(saved, new VaeOptions()));
    }

    [Fact]
    public void Options_have_their_new_names_and_values()
    {
        JsonObject saved = SavedOptions.Of(new DiffusionOptions { Network = DiffusionNetworkKind.Dit, DitLayers = 3 });
        Assert.True(saved.Remove("network") && saved.Remove("ditLayers"));
        (saved["architecture"], saved["transformerLayers"]) = ("Transformer", 3);
        Check(saved, new DiffusionOptions { Network = DiffusionNetworkKind.Dit, DitLayers = 3 });
        Assert.Contains(
            "DitLayers was 3 and is 4", Refusal(saved, new DiffusionOptions { Network = DiffusionNetworkKind.Dit, DitLayers = 4 }));
    }

    private static void Check(JsonObject saved, TrainingOptions options) =>
        SavedOptions.Check("a.checkpoint", State(saved), options, seed: null);

    private static string Refusal(JsonObject saved, TrainingOptions options)
    {
        string message = Assert.Throws<InvalidOperationException>(() => Check(saved, options)).Message;
        Assert.Contains("'a.checkpoint'", message);
        return message;
    }

    private static CheckpointState State(JsonObject options) => new()
    {
        Format = CheckpointState.CurrentFormat,
        Stage = "toy",
        Step = 1,
        Seed = 1,
        Threads = 1,
        Options = options,
        Data = [],
        Feeds = [],
        NetworkSteps = [],
        Meter = new MeterState(0, 0, [], 0),
        IsFinished = false,
    };
}
