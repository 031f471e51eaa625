using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Classification;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Images.Vae;
using Microsoft.ML.Generative.Images.VqVae;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>What the model files of all families hold beside weights.</summary>
public sealed class DefinitionTests
{
    private static readonly ImageShape _images = new(1, 16, 16);

    private static LanguageModelArchitecture Llama { get; } = LanguageModelArchitecture.LlamaNano with
    {
        VocabularySize = 11,
        ContextLength = 8,
        Layers = 2,
        Heads = 2,
        EmbeddingSize = 8,
    };

    private static Dictionary<string, (object Definition, IReadOnlyList<Component> Components)> Families => new()
    {
        ["vae"] = Family(VaeDefinition.Of(new VaeOptions(), new RowShape(_images, 256), labelCount: 0, seed: 1)),
        ["vq-vae"] = Family(VqVaeDefinition.Of(new VqVaeOptions { HiddenChannels = 4, CodebookSize = 5 }, _images)),
        ["gan"] = Family(GanDefinition.Of(new GanOptions { BaseChannels = 2 }, new RowShape(_images, 256), labelCount: 0, seed: 1)),
        ["diffusion"] = Family(DiffusionDefinition.Of(
            new DiffusionOptions { BlockChannels = [8, 8], AttentionLevels = [1], AttentionHeadSize = 4 }, _images, labelCount: 0,
            lowResolution: null, seed: 1)),
        ["image-classifier"] = Family(
            ImageClassifierDefinition.Of(new ImageClassifierOptions { BaseChannels = 4 }, _images, classCount: 3, classes: null)),
        ["language-model"] = Family(LanguageModelDefinition.Of(new LanguageModelOptions { Architecture = Llama }, seed: 1)),
        ["language-model with learned positions"] = Family(LanguageModelDefinition.Of(
            new LanguageModelOptions
            {
                Architecture = LanguageModelArchitecture.GptNano with { VocabularySize = 5, Layers = 1, Heads = 2, EmbeddingSize = 4 },
            }, seed: 1)),
    };

    public static TheoryData<string> Names => [.. Families.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_definition_holds_no_option_of_the_training(string family)
    {
        JsonNode json = JsonSerializer.SerializeToNode(Families[family].Definition, ModelConfigJson.Options)!;
        Assert.Equal(["architecture", "columns", "defaults"], json.AsObject().Select(m => m.Key));

        // A seed is that of the noise with which a model transforms rows.
        HashSet<string> training =
            [.. SavedTrainingOptions().Except(["seed"])];
        Assert.Contains("learningRate", training);
        Assert.DoesNotContain(NamesIn(json), training.Contains);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Components_have_their_shapes_without_memory(string family)
    {
        TorchRuntime.EnsureLoaded();
        Assert.All(Families[family].Components, component => Shapes.AssertLikeReal(component.CreateModule));
    }

    // Without the check, a billion blocks, or tensors of a thousand gigabytes.
    [Theory]
    [InlineData("layers", 2_147_483_647)]
    [InlineData("heads", 2_147_483_646)]
    [InlineData("headSize", 1_073_741_824)]
    [InlineData("embeddingSize", 1_000_000_000)]
    [InlineData("vocabularySize", 2_147_483_647)]
    [InlineData("feedForwardSize", 2_147_483_647)]
    public void A_network_of_far_more_than_the_file_holds_is_refused_without_memory(string member, int value)
    {
        TorchRuntime.EnsureLoaded();
        var format = new ModelFormat("language-model", "TESTTEST", "Test");
        LanguageModelDefinition definition = LanguageModelDefinition.Of(new LanguageModelOptions { Architecture = Llama }, seed: 1);
        var stored = new MemoryEntries();
        using (LanguageModelNetwork network = TorchSeed.Initialize(1, definition.Decoder.Create))
            ModelEntries.Write(stored.Save, format, definition, [network]);
        JsonNode config = JsonNode.Parse(stored.All["config.json"])!;
        config["architecture"]![member] = value;
        stored.Replace("config.json", config.ToJsonString());

        long before = Process.GetCurrentProcess().PeakWorkingSet64;
        LanguageModelNetwork? loaded = Bounds.LoadedOrRefused(() =>
        {
            StoredModel<LanguageModelDefinition> model = ModelEntries.Open<LanguageModelDefinition>(stored.TryLoad, format);
            return model.Read(model.Definition.Decoder);
        }, maxBytes: 20_000_000);
        Assert.Null(loaded);
        Assert.InRange(Process.GetCurrentProcess().PeakWorkingSet64 - before, 0, 1L << 30);
    }

    private static (object Definition, IReadOnlyList<Component> Components) Family<TDefinition>(TDefinition definition)
        where TDefinition : class, IModelDefinition<TDefinition>
    {
        definition.Validate();
        return (definition, definition.Components);
    }

    private static IEnumerable<string> SavedTrainingOptions() =>
        JsonSerializer.SerializeToNode(new ToyOptions(), ModelConfigJson.Options)!.AsObject().Select(m => m.Key);

    private static IEnumerable<string> NamesIn(JsonNode? json) => json switch
    {
        JsonObject members => members.SelectMany(m => NamesIn(m.Value).Prepend(m.Key)),
        JsonArray items => items.SelectMany(NamesIn),
        _ => [],
    };
}
