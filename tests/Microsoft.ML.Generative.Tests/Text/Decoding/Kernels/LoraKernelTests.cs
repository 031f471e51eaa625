using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;
using TorchSharp.Modules;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class LoraKernelTests : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public static TheoryData<string, bool> Cases
    {
        get
        {
            var all = new TheoryData<string, bool>();
            foreach (string name in TinyLanguageModels.All.Keys)
            {
                all.Add(name, false);
                all.Add(name, true);
            }

            return all;
        }
    }

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Kernels_decode_with_adapters_as_libtorch_does(string name, bool usesDora)
    {
        LanguageModelNetwork network = Create(name, usesDora, 3, "all-linear", "head");
        double[][] expected = LanguageModelNetworkTests.Logits(network, TinyLanguageModels.Tokens);
        using var session = new KernelDecodingSession(network, 2, 12);
        float[] logits = new float[session.VocabularySize];
        session.Prefill(0, TinyLanguageModels.Tokens, logits);
        AssertClose(expected[^1], logits);
        for (int i = 0; i < TinyLanguageModels.Tokens.Length; i++)
        {
            session.Append([1], [TinyLanguageModels.Tokens[i]], logits);
            AssertClose(expected[i], logits);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Logits_do_not_depend_on_the_batch_or_the_threads(bool usesDora)
    {
        LanguageModelArchitecture architecture =
            TinyLanguageModels.All["llama"] with { EmbeddingSize = 64, FeedForwardSize = 96, VocabularySize = 300, ContextLength = 40 };
        LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        Adapt(network, usesDora, 5, "query", "value", "gate", "down");
        int[] prompt = [.. Enumerable.Range(0, 37).Select(i => i * 7 % 300)];
        float[] alone = new float[300];
        using (var single = new KernelDecodingSession(network, 1, 40))
        {
            single.Prefill(0, prompt, alone);
            single.Append([0], [5], alone);
        }

        foreach (int threads in (int[])[1, 2])
        {
            using var session = new KernelDecodingSession(network, 3, 40, threads);
            float[] logits = new float[3 * 300];
            foreach (int token in prompt)
                session.Append([1, 0, 2], [token, (token + 1) % 300, (token + 2) % 300], logits);
            session.Append([2, 0, 1], [9, 8, 5], logits);
            Assert.Equal(alone, logits[600..]);
        }
    }

    [Fact]
    public void An_adapter_counted_from_initial_matrices_is_left_to_libtorch()
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        AdaptableNetwork modules = LanguageModelModules.Of(network);
        var weights = new LoraWeights(LoraTargets.Find(new LoraOptions { Rank = 2 }, network, modules), network, modules);
        weights.Initialize(LoraInitialization.Pissa, network, modules);
        weights.AttachTo(network, modules);
        Assert.False(KernelDecodingSession.CanDecode(network));
        Assert.Contains("'blocks.0.queriesKeysValues' has an adapter", Assert.Throws<NotSupportedException>(() =>
            new KernelDecodingSession(network, 1, 5)).Message);
    }

    private static LanguageModelNetwork Create(string name, bool usesDora, int rank, params string[] targets)
    {
        LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[name]);
        Adapt(network, usesDora, rank, targets);
        Assert.True(KernelDecodingSession.CanDecode(network));
        return network;
    }

    private static void Adapt(LanguageModelNetwork network, bool usesDora, int rank, params string[] targets)
    {
        AdaptableNetwork modules = LanguageModelModules.Of(network);
        LoraOptions options = new() { Rank = rank, Alpha = 2, TargetModules = targets, UseDora = usesDora };
        var weights = new LoraWeights(LoraTargets.Find(options, network, modules), network, modules);
        weights.Initialize(LoraInitialization.Default, network, modules);
        using IDisposable noGradient = torch.no_grad();
        foreach (Parameter parameter in weights.parameters())
            parameter.add_(torch.randn(parameter.shape) * 0.2);
        weights.AttachTo(network, modules);
        network.eval();
    }

    private static void AssertClose(double[] expected, float[] found) =>
        Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second - pair.First, -2e-4, 2e-4));
}
