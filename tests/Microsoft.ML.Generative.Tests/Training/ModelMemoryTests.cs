using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Tests;

/// <summary>The memory of models that nobody disposes of.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class ModelMemoryTests
{
    private const int Mebibyte = 1 << 20;

    [Theory]
    [InlineData("autoencoder")]
    [InlineData("language model")]
    public void Models_that_nobody_disposes_of_do_not_pile_up(string kind)
    {
        // Elsewhere there is no /proc.
        if (!OperatingSystem.IsLinux())
            return;
        var ml = new MLContext(seed: 1);
        // What every first training leaves: code, thread pools, the heap of the networks in flight.
        for (int i = 0; i < 4; i++)
            Fit(ml, kind);
        long before = ResidentBytes();
        for (int i = 0; i < 20; i++)
            Fit(ml, kind);

        // 20 models of 16 MiB: without the garbage collector's help all of them are still there.
        long lazily = ResidentBytes() - before;
        Assert.True(lazily < 160 * Mebibyte, $"{lazily / Mebibyte} MiB more.");

        for (int i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Runtime.NativeHeap.ReturnFreedMemory();
        long afterwards = ResidentBytes() - before;
        Assert.True(afterwards < 48 * Mebibyte, $"{afterwards / Mebibyte} MiB more after a collection.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fit(MLContext ml, string kind)
    {
        var catalog = ml.Transforms.Generative();
        if (kind == "autoencoder")
        {
            VaeTransformer model = catalog.Vae(
                new VaeOptions { InputColumnName = "Pixels", HiddenSizes = [40_000], LatentSize = 2, MaxSteps = 1, BatchSize = 2 })
                .Fit(TinyImages.AsVectors(ml, 2));
            Assert.Equal(2, model.Transform(TinyImages.AsVectors(ml, 2)).GetColumn<float>("NegativeElbo").Count());
        }
        else
        {
            LanguageModelTransformer model = catalog.LanguageModel(new LanguageModelOptions
            {
                Architecture = LanguageModelArchitecture.LlamaNano with
                {
                    Layers = 1,
                    Heads = 2,
                    EmbeddingSize = 512,
                    FeedForwardSize = 2_048,
                    ContextLength = 8,
                },
                BatchSize = 2,
                MaxSteps = 1,
            }).Fit(TinyText.Data(ml));
            Assert.NotNull(model.Generate("the cat", new() { MaxTokens = 2 }));
        }
    }

    private static long ResidentBytes() =>
        long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
}
