using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>Language models with random weights, whose tokens are characters.</summary>
internal static class RandomLanguageModel
{
    // Letters of Chinese and Korean, which are enough for any vocabulary here.
    private const int FirstIdeograph = 0x4E00, Ideographs = 0x9FA0 - FirstIdeograph, FirstSyllable = 0xAC00;

    public static LanguageModelTransformer Create(LanguageModelArchitecture architecture)
    {
        TorchRuntime.EnsureLoaded();
        IHost host = ((IHostEnvironment)new MLContext(seed: 1)).Register("Benchmark");
        var options = new LanguageModelOptions { Architecture = architecture };
        string characters = string.Concat(Enumerable.Range(0, architecture.VocabularySize).Select(Character));
        TextCodec codec = TextCodec.Of(
            GenerativeTokenizers.CharacterLevel([characters], new CharacterLevelOptions { EndOfTextToken = null }));
        return new LanguageModelTransformer(
            host, LanguageModelDefinition.Of(options, 1), codec, TorchSeed.Initialize(1, () => new LanguageModelNetwork(architecture)),
            torch.CPU);
    }

    /// <summary>A text of so many tokens.</summary>
    public static string Prompt(int tokens, int seed, int vocabulary)
    {
        var random = new Random(seed);
        return string.Concat(Enumerable.Range(0, tokens).Select(_ => Character(random.Next(vocabulary))));
    }

    private static char Character(int number) =>
        (char)(number < Ideographs ? FirstIdeograph + number : FirstSyllable + number - Ideographs);
}
