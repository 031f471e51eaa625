using System.Runtime.Intrinsics.X86;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Encoders;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class EncoderNetworkTests
{
    // Published: transformers' BertModel, RobertaModel and DistilBertModel; all-MiniLM-L6-v2's card; BERT's repository.
    public static TheoryData<string, EncoderArchitecture, long> Published => new()
    {
        { "bert-base-uncased", EncoderArchitecture.BertBase, 109_482_240 },
        { "bert-tiny", EncoderArchitecture.BertTiny, 4_385_920 },
        { "all-MiniLM-L6-v2", EncoderArchitecture.MiniLm, 22_713_216 },
        { "distilbert-base-uncased", EncoderArchitecture.DistilBert, 66_362_880 },
        { "roberta-base", EncoderArchitecture.RobertaBase, 124_645_632 },
        { "ModernBERT-base", EncoderArchitecture.ModernBertBase, 149_014_272 },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void Presets_have_the_published_number_of_parameters(string name, EncoderArchitecture architecture, long expected)
    {
        Assert.NotEmpty(name);
        Assert.Equal(expected, architecture.CountParameters());
        Assert.Equal(expected, ModuleTensors.CountElements(() => new EncoderNetwork(architecture)));
    }

    [Fact]
    public void Bert_with_its_token_head_has_the_published_number_of_parameters()
    {
        EncoderArchitecture architecture = EncoderArchitecture.BertBase with { HasPooler = false };
        Assert.Equal(
            109_514_298,
            ModuleTensors.CountElements(() => new EncoderModel(new EncoderNetwork(architecture), new MaskedTokenHead(architecture))));
        // Published: the elements of ModernBERT-base's file.
        EncoderArchitecture modern = EncoderArchitecture.ModernBertBase;
        Assert.Equal(
            149_655_232, ModuleTensors.CountElements(() => new EncoderModel(new EncoderNetwork(modern), new MaskedTokenHead(modern))));
    }

    // Padding behind a text, and a window that reaches beyond both ends.
    [Fact]
    public void Local_attention_has_the_same_result_in_a_batch_as_alone()
    {
        EncoderArchitecture architecture = TinyEncoders.Architecture with
        {
            VocabularySize = 30,
            Layers = 3,
            IsPreNorm = true,
            HasFirstNorm = false,
            HasBias = false,
            Positions = PositionEncoding.Rotary,
            LocalAttention = 4,
            GlobalAttentionInterval = 2,
            LocalRotaryBase = 500,
        };
        Assert.Equal(architecture.CountParameters(), ModuleTensors.CountElements(() => new EncoderNetwork(architecture)));
        using EncoderNetwork network = Create(architecture);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        EncodedText text = new([3, 4, 5], 3), longer = new([1, 2, 3, 4, 5, 6, 7, 8, 9], 9);
        Close(Embed(text), Embed(text, longer)[..16]);
        Close(Embed(longer), Embed(text, longer)[16..]);

        float[] Embed(params EncodedText[] texts) => TensorMemory.ToArray<float>(Pooling.Embed(
            network, EncoderRows.Pad(texts, torch.CPU), EmbeddingPooling.Mean, normalizes: false));
    }

    [Theory]
    [InlineData("HasFirstNorm")]
    [InlineData("LocalRotaryBase")]
    [InlineData("LocalAttention")]
    [InlineData("GlobalAttentionInterval")]
    public void Options_of_ModernBert_that_do_not_fit_are_named(string option)
    {
        EncoderArchitecture architecture = TinyEncoders.Architecture;
        architecture = option switch
        {
            "HasFirstNorm" => architecture with { HasFirstNorm = false },
            "LocalRotaryBase" => architecture with { LocalRotaryBase = 500 },
            "LocalAttention" => architecture with { LocalAttention = 1 },
            _ => architecture with { GlobalAttentionInterval = 0 },
        };
        Assert.Contains(option, Assert.ThrowsAny<ArgumentException>(architecture.Validate).Message);
    }

    [Theory]
    [InlineData(false, PositionEncoding.Learned, FeedForwardKind.Gelu)]
    [InlineData(false, PositionEncoding.Learned, FeedForwardKind.GeluTanh)]
    [InlineData(true, PositionEncoding.Rotary, FeedForwardKind.GeGlu)]
    [InlineData(true, PositionEncoding.Learned, FeedForwardKind.GeGluTanh)]
    public void Padding_never_changes_what_stands_before_it(bool isPreNorm, PositionEncoding positions, FeedForwardKind feedForward)
    {
        EncoderArchitecture architecture = TinyEncoders.Architecture with
        {
            VocabularySize = 30,
            Layers = 2,
            IsPreNorm = isPreNorm,
            Positions = positions,
            FeedForward = feedForward,
        };
        Assert.Equal(architecture.CountParameters(), ModuleTensors.CountElements(() => new EncoderNetwork(architecture)));
        using EncoderNetwork network = Create(architecture);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        EncodedText text = new([3, 4, 5], 3), longer = new([1, 2, 3, 4, 5, 6, 7, 8, 9], 9);
        foreach (EmbeddingPooling pooling in (EmbeddingPooling[])[EmbeddingPooling.Mean, EmbeddingPooling.FirstToken, EmbeddingPooling.Max])
        {
            float[] alone = Embed(text);
            Close(alone, Embed(text, longer)[..16]);
            EncoderInput padded = EncoderRows.Pad([text, longer], torch.CPU);
            // Whatever the padding is.
            torch.Tensor tokens = padded.Tokens.clone();
            tokens[0, 5] = torch.tensor(17L);
            Close(alone, TensorMemory.ToArray<float>(
                Pooling.Embed(network, padded with { Tokens = tokens }, pooling, normalizes: true))[..16]);

            float[] Embed(params EncodedText[] texts) => TensorMemory.ToArray<float>(Pooling.Embed(
                network, EncoderRows.Pad(texts, torch.CPU), pooling, normalizes: true));
        }
    }

    // Without gradients, attention, feed-forward layers and normalized sums are other operations.
    [Theory]
    [InlineData(false, FeedForwardKind.Gelu)]
    [InlineData(false, FeedForwardKind.GeluTanh)]
    [InlineData(false, FeedForwardKind.GeGlu)]
    [InlineData(true, FeedForwardKind.GeGlu)]
    public void Hidden_states_are_the_same_with_and_without_gradients(bool isPreNorm, FeedForwardKind feedForward)
    {
        EncoderArchitecture architecture = TinyEncoders.Architecture with
        {
            VocabularySize = 30,
            Layers = 2,
            EmbeddingSize = 32,
            FeedForwardSize = 40,
            IsPreNorm = isPreNorm,
            FeedForward = feedForward,
        };
        using EncoderNetwork network = Create(architecture);
        using DisposeScope scope = torch.NewDisposeScope();
        EncoderInput input = EncoderRows.Pad([new([3, 4, 5, 9], 4), new([1, 2, 3, 4, 5, 6, 7, 8, 9], 9)], torch.CPU);
        torch.Tensor with = network.Hidden(input).detach();
        using IDisposable noGradient = torch.no_grad();
        torch.Tensor without = network.Hidden(input);
        // Behind the end of a text they mean nothing.
        torch.Tensor isToken = input.IsToken!.unsqueeze(2).to(torch.float32);
        Close(TensorMemory.ToArray<float>(with * isToken), TensorMemory.ToArray<float>(without * isToken));
    }

    [Fact]
    public void Texts_of_similar_lengths_are_computed_together_and_come_back_in_their_order()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var random = new Random(1);
        // Few long ones among many short ones.
        EncodedText[] texts = [.. Enumerable.Range(0, 500).Select(i =>
        {
            int[] ids = [.. Enumerable.Repeat(i, 3 + (int)(120 * Math.Pow(random.NextDouble(), 3)))];
            return new EncodedText(ids, ids.Length);
        })];
        long positions = 0;
        torch.Tensor found = EncoderRows.Compute(texts, torch.CPU, input =>
        {
            positions += input.Tokens.numel();
            Assert.InRange(input.Tokens.numel(), 1, 1024);
            return input.Tokens.narrow(1, 0, 1);
        });
        Assert.Equal(Enumerable.Range(0, texts.Length).Select(i => (long)i), TensorMemory.ToArray<long>(found));
        Assert.InRange(positions, texts.Sum(text => text.Ids.Length), 1.07 * texts.Sum(text => text.Ids.Length));
    }

    [Fact]
    public void Texts_without_padding_have_the_results_of_texts_alone_in_their_order()
    {
        using EncoderNetwork learned = Create(Packable);
        using EncoderNetwork recomputing = RandomNetworks.Create(() => new EncoderNetwork(Packable) { UsesRecompute = true });
        // A window that reaches beyond all texts but the longest, which is padded then.
        using EncoderNetwork rotary = Create(Packable with
        {
            IsPreNorm = true,
            HasFirstNorm = false,
            HasBias = false,
            FeedForward = FeedForwardKind.GeGlu,
            Positions = PositionEncoding.Rotary,
            SegmentCount = 0,
            LocalAttention = 12,
            GlobalAttentionInterval = 2,
            LocalRotaryBase = 500,
        });
        Assert.Equal(0, learned.LongestPacked);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        Assert.Equal(Avx512F.IsSupported ? 128 : 0, learned.LongestPacked);
        Assert.Equal(Avx512F.IsSupported ? 7 : 0, rotary.LongestPacked);
        EncodedText[] texts =
        [
            new([3, 4, 5], 2), new([1, 2, 3, 4, 5, 6, 7, 8, 9], 9), new([7], 1), new([9, 8, 7], 3), new([1, 2, 3, 4, 5, 6, 7], 4),
        ];
        foreach (EmbeddingPooling pooling in Enum.GetValues<EmbeddingPooling>())
        {
            EncoderNetwork[] networks = pooling == EmbeddingPooling.Pooler ? [learned, recomputing] : [learned, recomputing, rotary];
            foreach (EncoderNetwork network in networks)
            {
                EncodedText[] own = [.. texts.Select(text => network == rotary ? new EncodedText(text.Ids, text.Ids.Length) : text)];
                torch.Tensor together = EncoderRows.Compute(own, torch.CPU, Embed, longestPacked: network.LongestPacked);
                float[] alone = [.. own.SelectMany(text => TensorMemory.ToArray<float>(Embed(EncoderRows.Pad([text], torch.CPU))))];
                Close(alone, TensorMemory.ToArray<float>(together));

                torch.Tensor Embed(EncoderInput input)
                {
                    Assert.Equal(input.Packed is not null, input.Packed?.Lengths.Max() <= network.LongestPacked);
                    return Pooling.Embed(network, input, pooling, normalizes: false);
                }
            }
        }
    }

    [Fact]
    public void Texts_without_padding_come_in_groups_of_limited_size()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var random = new Random(1);
        EncodedText[] texts = [.. Enumerable.Range(0, 500).Select(i =>
        {
            int[] ids = [.. Enumerable.Repeat(i, 1 + random.Next(140))];
            return new EncodedText(ids, ids.Length);
        })];
        long packed = 0;
        torch.Tensor found = EncoderRows.Compute(texts, torch.CPU, input =>
        {
            Assert.InRange(input.Tokens.numel(), 1, input.Packed is null ? 1024 : 2048);
            if (input.Packed is null)
                return input.Tokens.narrow(1, 0, 1);
            Assert.All(input.Packed.Lengths, length => Assert.InRange(length, 1, 128));
            packed += input.Tokens.numel();
            long[] starts = [.. input.Packed.Lengths.Select((_, i) => (long)input.Packed.Lengths.Take(i).Sum())];
            Assert.All(starts, start => Assert.Equal(0, input.Packed.Places[start].item<long>()));
            return input.Tokens.view(-1, 1).index_select(0, torch.tensor(starts));
        }, longestPacked: 128);
        Assert.Equal(Enumerable.Range(0, texts.Length).Select(i => (long)i), TensorMemory.ToArray<long>(found));
        // Of the texts of up to 128 tokens, only those that fill up a group of longer ones are not packed.
        Assert.InRange(packed, 0.95 * texts.Where(text => text.Ids.Length <= 128).Sum(text => text.Ids.Length), 500 * 128);
    }

    [Fact]
    public void Mean_first_token_and_maximum_are_those_of_the_tokens_alone()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor hidden = torch.tensor(new float[] { 1, -5, 3, -1, 9, 9 }, [1, 3, 2]);
        torch.Tensor isToken = torch.tensor(new[] { true, true, false }, [1, 3]);
        Assert.Equal([2f, -3f], Pool(EmbeddingPooling.Mean));
        Assert.Equal([1f, -5f], Pool(EmbeddingPooling.FirstToken));
        Assert.Equal([3f, -1f], Pool(EmbeddingPooling.Max));

        float[] Pool(EmbeddingPooling kind) => TensorMemory.ToArray<float>(Pooling.Pool(hidden, isToken, kind));
    }

    [Fact]
    public void The_second_of_two_texts_has_segments_of_its_own()
    {
        EncoderArchitecture architecture = TinyEncoders.Architecture with { VocabularySize = 30, SegmentCount = 2 };
        using EncoderNetwork network = Create(architecture);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        float[] one = Hidden(new EncodedText([1, 2, 3], 3)), two = Hidden(new EncodedText([1, 2, 3], 2));
        Assert.NotEqual(one, two);
        network.Segments!.Weight.zero_();
        Close(Hidden(new EncodedText([1, 2, 3], 3)), Hidden(new EncodedText([1, 2, 3], 2)));

        float[] Hidden(EncodedText text) => TensorMemory.ToArray<float>(network.Hidden(EncoderRows.Pad([text], torch.CPU)));
    }

    [Fact]
    public void A_block_of_Bert_is_that_of_the_papers_formulas()
    {
        EncoderArchitecture architecture = TinyEncoders.Architecture with { VocabularySize = 30 };
        using EncoderNetwork network = Create(architecture);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        EncoderInput input = EncoderRows.Pad([new EncodedText([7, 3, 21, 4], 4)], torch.CPU);
        double[][] expected = new ReferenceEncoder(network).Hidden([7, 3, 21, 4]);
        Close([.. expected.SelectMany(row => row.Select(value => (float)value))], TensorMemory.ToArray<float>(network.Hidden(input)));
    }

    // With −∞ where nothing is attended to, a text without tokens would be no number, and so would its gradients.
    [Fact]
    public void A_text_without_tokens_is_finite()
    {
        using EncoderNetwork network = Create(TinyEncoders.Architecture with { VocabularySize = 30 });
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor hidden = network.Hidden(new EncoderInput(
            torch.zeros([2, 3], torch.int64), torch.tensor(new[] { true, true, false, false, false, false }, [2, 3])));
        Assert.True(hidden.isfinite().all().item<bool>());
        hidden.sum().backward();
        Assert.All(network.parameters().Where(p => p.grad is not null), p => Assert.True(p.grad!.isfinite().all().item<bool>()));
    }

    // tanh(W first + b) is another vector than the first token's or the mean.
    [Fact]
    public void The_pooled_output_is_that_of_the_first_token_behind_a_layer_and_a_hyperbolic_tangent()
    {
        using EncoderNetwork network = Create(TinyEncoders.Architecture with { VocabularySize = 30, HasPooler = true });
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        EncoderInput input = EncoderRows.Pad([new EncodedText([7, 3, 21, 4], 4)], torch.CPU);
        float[] first = TensorMemory.ToArray<float>(network.Hidden(input)[0, 0].contiguous());
        float[] weight = TensorMemory.ToArray<float>(network.Pooler!.Matrix().detach());
        float[] bias = TensorMemory.ToArray<float>(network.Pooler.Bias!);
        float[] expected = [.. bias.Select((b, row) => (float)Math.Tanh(
            b + first.Zip(weight[(row * 16)..(row * 16 + 16)], (x, w) => (double)x * w).Sum()))];
        Close(expected, TensorMemory.ToArray<float>(Pooling.Embed(network, input, EmbeddingPooling.Pooler, normalizes: false)));
        Assert.NotEqual(expected, TensorMemory.ToArray<float>(Pooling.Embed(network, input, EmbeddingPooling.Mean, normalizes: false)));
    }

    // Of heads that the kernel of attention can compute.
    private static EncoderArchitecture Packable => TinyEncoders.Architecture with
    {
        VocabularySize = 30,
        Layers = 2,
        EmbeddingSize = 32,
        FeedForwardSize = 40,
        SegmentCount = 2,
        HasPooler = true,
    };

    private static EncoderNetwork Create(EncoderArchitecture architecture) =>
        RandomNetworks.Create(() => new EncoderNetwork(architecture));

    private static void Close(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 2e-5 * (1 + Math.Abs(expected[i])));
    }
}
