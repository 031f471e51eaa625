using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class LanguageModelNetworkTests
{
    [Theory]
    [MemberData(nameof(TinyLanguageModels.Names), MemberType = typeof(TinyLanguageModels))]
    public void Logits_are_those_of_the_papers_formulas(string name)
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All[name];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        double[][] expected = new ReferenceDecoder(architecture, ModuleWeights.Of(network)).Logits(TinyLanguageModels.Tokens);

        AssertClose(expected, Logits(network, TinyLanguageModels.Tokens), 1e-4);
    }

    [Theory]
    [MemberData(nameof(TinyLanguageModels.Names), MemberType = typeof(TinyLanguageModels))]
    public void The_parameters_are_as_many_as_the_architecture_counts(string name)
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All[name];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        Assert.Equal(network.parameters().Sum(p => p.numel()), architecture.CountParameters());
    }

    [Theory]
    [MemberData(nameof(TinyLanguageModels.Names), MemberType = typeof(TinyLanguageModels))]
    public void Decoding_token_by_token_gives_the_logits_of_the_whole(string name)
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All[name];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using var session = new TorchDecodingSession(network, 2, architecture.ContextLength, torch.CPU);
        int[] tokens = TinyLanguageModels.Tokens;
        double[][] expected = Logits(network, tokens);

        // The second stream begins later, so that the two are at different positions.
        float[] logits = new float[2 * architecture.VocabularySize];
        session.Prefill(0, tokens.AsSpan(0, 4), logits.AsSpan(0, architecture.VocabularySize));
        AssertClose([expected[3]], [[.. logits.Take(architecture.VocabularySize)]], 1e-4);
        for (int i = 0; i < 5; i++)
        {
            session.Append([1, 0], [tokens[i], tokens[4 + i]], logits);
            AssertClose([expected[i], expected[4 + i]], [.. logits.Chunk(architecture.VocabularySize)], 1e-4);
        }
    }

    [Theory]
    [InlineData("gpt, exact gelu")]
    [InlineData("gpt with a window and grouped keys")]
    [InlineData("llama, stretched linearly, with a window")]
    public void A_prompt_goes_through_in_blocks_with_the_logits_of_the_whole(string name)
    {
        LanguageModelArchitecture architecture =
            TinyLanguageModels.All[name] with { ContextLength = TorchDecodingSession.BlockLength + 40 };
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using var session = new TorchDecodingSession(network, 2, architecture.ContextLength, torch.CPU);
        int[] tokens = [.. Enumerable.Range(0, architecture.ContextLength).Select(i => i * i % 11)];
        double[][] expected = Logits(network, tokens);

        // Begun with a token alone, then with more than a block.
        float[] logits = new float[architecture.VocabularySize];
        session.Append([1], [tokens[0]], logits);
        session.Prefill(1, tokens.AsSpan(1, 20), logits);
        AssertClose([expected[20]], [logits], 1e-4);
        session.Prefill(1, tokens.AsSpan(21), logits);
        AssertClose([expected[^1]], [logits], 1e-4);

        session.Prefill(0, tokens.AsSpan(0, 7), logits);
        AssertClose([expected[6]], [logits], 1e-4);
    }

    [Fact]
    public void A_copied_stream_goes_on_as_the_original_and_an_emptied_one_begins_anew()
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["llama"];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using var session = new TorchDecodingSession(network, 2, architecture.ContextLength, torch.CPU);
        double[][] expected = Logits(network, TinyLanguageModels.Tokens);

        float[] logits = new float[architecture.VocabularySize];
        session.Prefill(0, TinyLanguageModels.Tokens.AsSpan(0, 5), logits);
        session.Copy(0, 1);
        session.Reset(0);
        session.Append([1], [TinyLanguageModels.Tokens[5]], logits);
        AssertClose([expected[5]], [logits], 1e-4);
        session.Append([0], [TinyLanguageModels.Tokens[0]], logits);
        AssertClose([expected[0]], [logits], 1e-4);
    }

    [Fact]
    public void A_full_stream_refuses_more()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        using var session = new TorchDecodingSession(network, 1, 3, torch.CPU);
        float[] logits = new float[11];
        var error = Assert.Throws<InvalidOperationException>(() => session.Prefill(0, [1, 2, 3, 4], logits));
        Assert.Contains("do not fit 3", error.Message);
    }

    [Theory]
    [InlineData("gpt, exact gelu")]
    [InlineData("llama, pairs side by side, grouped keys")]
    public void What_comes_later_changes_nothing_before_it(string name)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[name]);
        double[][] first = Logits(network, [1, 2, 3, 4, 5, 6]);
        double[][] second = Logits(network, [1, 2, 3, 4, 9, 8]);
        AssertClose(first[..4], second[..4], 0);
        Assert.NotEqual(first[4], second[4]);
    }

    [Theory]
    [InlineData("gpt, exact gelu")]
    [InlineData("llama, stretched linearly, with a window")]
    public void Gradients_are_those_of_finite_differences(string name)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All[name]);
        using torch.Tensor tokens = torch.tensor(new long[] { 3, 1, 4, 1, 5, 9 }, [1, 6]);
        using torch.Tensor targets = torch.tensor(new long[] { 1, 4, LanguageModelNetwork.NoTarget, 5, 9, 2 }, [1, 6]);
        network.Loss(tokens, targets).backward();
        foreach ((string parameterName, TorchSharp.Modules.Parameter parameter) in network.named_parameters())
        {
            using torch.Tensor direction = parameter.grad!.clone();
            double norm = direction.norm().ToDouble();
            if (norm < 1e-3)
                continue;
            double Loss(double step)
            {
                using IDisposable noGradient = torch.no_grad();
                using DisposeScope scope = torch.NewDisposeScope();
                parameter.add_(direction, step / norm);
                double loss = network.Loss(tokens, targets).ToDouble();
                parameter.add_(direction, -step / norm);
                return loss;
            }

            const double step = 1e-2;
            double slope = (Loss(step) - Loss(-step)) / (2 * step);
            Assert.True(Math.Abs(slope - norm) < 0.02 * norm + 2e-3, $"{parameterName}: slope {slope}, gradient {norm}");
        }
    }

    [Fact]
    public void Recomputed_blocks_have_the_same_loss_and_gradients()
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["llama"];
        (double loss, float[] gradient) Run(bool recompute)
        {
            using LanguageModelNetwork network = new(architecture) { UsesRecompute = recompute };
            using LanguageModelNetwork weights = TinyLanguageModels.Create(architecture);
            using torch.Tensor tokens = torch.tensor(new long[] { 3, 1, 4, 1 }, [1, 4]);
            using (torch.no_grad())
            {
                foreach ((var to, var from) in network.parameters().Zip(weights.parameters()))
                    to.copy_(from);
            }

            torch.Tensor loss = network.Loss(tokens, tokens);
            loss.backward();
            return (loss.ToDouble(), [.. network.parameters().SelectMany(p => p.grad!.data<float>().ToArray())]);
        }

        (double loss, float[] gradient) = Run(recompute: true);
        (double expectedLoss, float[] expectedGradient) = Run(recompute: false);
        Assert.Equal(expectedLoss, loss, 6);
        for (int i = 0; i < gradient.Length; i++)
            Assert.Equal(expectedGradient[i], gradient[i], 5);
    }

    [Fact]
    public void Attention_is_a_distribution_over_what_came_before()
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["gpt with a window and grouped keys"];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using IDisposable noGradient = torch.no_grad();
        foreach (torch.Tensor layer in network.Attention(torch.tensor(new long[] { 3, 1, 4, 1, 5 }, [1, 5])))
        {
            Assert.Equal([1, 4, 5, 5], layer.shape);
            Assert.True((layer.sum(-1) - 1).abs().max().ToDouble() < 1e-5);
            Assert.Equal(0, layer.triu(1).abs().max().ToDouble());
            Assert.Equal(0, layer.tril(-3).abs().max().ToDouble());
            Assert.True(layer[0, 0, 4, 2].ToDouble() > 0);
        }
    }

    [Fact]
    public void Short_sequences_attend_as_long_ones_do()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor[] parts = [.. Enumerable.Range(0, 3)
            .Select(i => torch.randn([2, 3, 20, 8], generator: new torch.Generator((ulong)i)))];
        torch.Tensor expected = torch.nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: true);
        torch.Tensor found = DotProductAttention.Causal(parts[0], parts[1], parts[2], null, 0);
        Assert.True((expected - found).abs().max().ToDouble() < 1e-5);
    }

    [Fact]
    public void Dropout_acts_in_training_only()
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["gpt, exact gelu"];
        using LanguageModelNetwork plain = TinyLanguageModels.Create(architecture);
        using LanguageModelNetwork dropping = TinyLanguageModels.Create(architecture, dropout: 0.5);
        AssertClose(Logits(plain, [1, 2, 3]), Logits(dropping, [1, 2, 3]), 0);
        dropping.train();
        Assert.NotEqual(Logits(plain, [1, 2, 3])[2], Logits(dropping, [1, 2, 3])[2]);
    }

    internal static double[][] Logits(LanguageModelNetwork network, int[] tokens)
    {
        using IDisposable noGradient = torch.no_grad();
        using torch.Tensor input = torch.tensor(Array.ConvertAll(tokens, t => (long)t), [1, tokens.Length]);
        using torch.Tensor logits = network.Logits(input);
        return [.. logits.data<float>().ToArray().Chunk(network.Architecture.VocabularySize)
            .Select(row => Array.ConvertAll(row, v => (double)v))];
    }

    private static void AssertClose(double[][] expected, IEnumerable<IReadOnlyList<float>> found, double tolerance) =>
        AssertClose(expected, [.. found.Select(row => row.Select(v => (double)v).ToArray())], tolerance);

    private static void AssertClose(double[][] expected, double[][] found, double tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        foreach ((double[] e, double[] f) in expected.Zip(found))
        {
            Assert.Equal(e.Length, f.Length);
            for (int i = 0; i < e.Length; i++)
                Assert.True(Math.Abs(e[i] - f[i]) <= tolerance * (1 + Math.Abs(e[i])), $"expected {e[i]}, found {f[i]}");
        }
    }
}
