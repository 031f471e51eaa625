using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class KernelDecodingSessionTests
{
    // Long enough for several pages and blocks, wide enough to be shared between threads, and no size is a multiple of a vector's.
    private static readonly LanguageModelArchitecture _large = LanguageModelArchitecture.LlamaNano with
    {
        VocabularySize = 4001,
        ContextLength = 300,
        Layers = 2,
        Heads = 6,
        KeyValueHeads = 3,
        EmbeddingSize = 90,
        HeadSize = 14,
        FeedForwardSize = 171,
    };

    private static readonly int[] _longText = [.. Enumerable.Range(0, 203).Select(i => i * i * 31 % 4001)];

    public static TheoryData<int?> Windows => [null, 1, 40, 45];

    [Theory]
    [MemberData(nameof(TinyLanguageModels.Names), MemberType = typeof(TinyLanguageModels))]
    public void Logits_are_those_of_the_papers_formulas(string name)
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All[name];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using var session = new KernelDecodingSession(network, 1, architecture.ContextLength);
        double[][] expected = new ReferenceDecoder(architecture, ModuleWeights.Of(network)).Logits(TinyLanguageModels.Tokens);

        AssertClose(expected, TokenByToken(session, 0, TinyLanguageModels.Tokens));
    }

    [Theory]
    [InlineData(FeedForwardKind.SwiGlu)]
    [InlineData(FeedForwardKind.Gelu)]
    [InlineData(FeedForwardKind.GeluTanh)]
    public void Layers_narrower_than_a_vector_have_the_logits_of_the_papers_formulas(FeedForwardKind feedForward)
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["gpt, exact gelu"] with
        {
            Heads = 1,
            EmbeddingSize = 3,
            HeadSize = 3,
            FeedForwardSize = 5,
            FeedForward = feedForward,
        };
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using var session = new KernelDecodingSession(network, 2, architecture.ContextLength);
        double[][] expected = new ReferenceDecoder(architecture, ModuleWeights.Of(network)).Logits(TinyLanguageModels.Tokens);

        float[][] found = TokenByToken(session, 0, TinyLanguageModels.Tokens);
        AssertClose(expected, found);
        float[] logits = new float[11];
        session.Prefill(1, TinyLanguageModels.Tokens, logits);
        Assert.Equal(found[^1], logits);
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void Long_texts_have_the_logits_of_the_papers_formulas(int? window)
    {
        LanguageModelArchitecture architecture = _large with { SlidingWindow = window, Layers = 1, VocabularySize = 50 };
        int[] tokens = [.. _longText.Select(t => t % 50)];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using var session = new KernelDecodingSession(network, 1, architecture.ContextLength);
        double[][] expected = new ReferenceDecoder(architecture, ModuleWeights.Of(network)).Logits(tokens);

        AssertClose(expected, TokenByToken(session, 0, tokens));
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void Many_tokens_at_once_give_the_bits_of_one_by_one(int? window)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(_large with { SlidingWindow = window });
        using var session = new KernelDecodingSession(network, 2, 300);
        float[][] expected = TokenByToken(session, 0, _longText);

        float[] logits = new float[_large.VocabularySize];
        int done = 0;
        foreach (int count in (int[])[1, 31, 5, 64, 33, 2, 67])
        {
            session.Prefill(1, _longText.AsSpan(done, count), logits);
            done += count;
            Assert.Equal(expected[done - 1], logits);
        }

        Assert.Equal(_longText.Length, done);
    }

    [Fact]
    public void Logits_have_the_same_bits_whatever_the_other_streams()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(_large);
        using var alone = new KernelDecodingSession(network, 1, 300);
        float[][] expected = TokenByToken(alone, 0, _longText[..40]);

        const int Streams = 39;
        using var session = new KernelDecodingSession(network, Streams, 100);
        float[] logits = new float[Streams * _large.VocabularySize];
        session.Prefill(17, _longText.AsSpan(0, 3), logits);
        for (int time = 3; time < 40; time++)
        {
            // From one stream to all, and the one in question in different places among them.
            int[] streams = [.. Enumerable.Range(0, time).Select(i => (i * 5 + 17 + time) % Streams)];
            int place = Array.IndexOf(streams, 17);
            if (place < 0)
                (place, streams[0]) = (0, 17);
            int[] tokens = [.. streams.Select(s => s == 17 ? _longText[time] : (s * 101 + time) % 4001)];
            session.Append(streams, tokens, logits);
            Assert.Equal(expected[time], logits.AsSpan(place * _large.VocabularySize, _large.VocabularySize).ToArray());
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Logits_have_the_same_bits_with_any_number_of_threads(int threads)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(_large);
        float[] expected = Decode(network, 1), found = Decode(network, threads);
        Assert.Equal(expected, found);

        static float[] Decode(LanguageModelNetwork network, int threads)
        {
            using var session = new KernelDecodingSession(network, 8, 300, threads);
            float[] logits = new float[8 * _large.VocabularySize];
            for (int stream = 0; stream < 8; stream++)
                session.Prefill(stream, _longText.AsSpan(stream, 150 + stream), logits);
            var all = new List<float>();
            for (int i = 0; i < 5; i++)
            {
                session.Append([0, 1, 2, 3, 4, 5, 6, 7], _longText.AsSpan(160 + i, 8), logits);
                all.AddRange(logits);
            }

            return [.. all];
        }
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void A_copied_stream_goes_on_as_the_original_and_an_emptied_one_begins_anew(int? window)
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(_large with { SlidingWindow = window });
        using var session = new KernelDecodingSession(network, 3, 300);
        float[][] expected = TokenByToken(session, 2, _longText);

        float[] logits = new float[_large.VocabularySize];
        session.Prefill(0, _longText.AsSpan(0, 150), logits);
        session.Prefill(1, _longText.AsSpan(50, 90), logits);
        session.Copy(0, 1);
        session.Reset(0);
        for (int i = 0; i < 50; i++)
        {
            session.Append([1], [_longText[150 + i]], logits);
            Assert.Equal(expected[150 + i], logits);
            session.Append([0], [_longText[i]], logits);
            Assert.Equal(expected[i], logits);
        }
    }

    [Fact]
    public void What_was_no_number_in_a_stream_is_gone_when_it_is_emptied()
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["llama"];
        using LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using var session = new KernelDecodingSession(network, 1, architecture.ContextLength);
        float[] expected = new float[11], logits = new float[11];
        session.Append([0], [3], expected);
        session.Reset(0);

        using (torch.no_grad())
            network.get_parameter("tokens.weight")![5].fill_(float.NaN);
        session.Prefill(0, [5, 5, 5], logits);
        Assert.All(logits, v => Assert.True(float.IsNaN(v)));
        session.Reset(0);
        session.Append([0], [3], logits);
        Assert.Equal(expected.AsSpan(0, 5), logits.AsSpan(0, 5));
    }

    [Fact]
    public void A_full_stream_refuses_more_and_the_others_stay_as_they_were()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        using var session = new KernelDecodingSession(network, 2, 3);
        float[] logits = new float[22], expected = new float[11];
        session.Prefill(0, [1, 2, 3], logits);
        Assert.Contains("do not fit 3", Assert.Throws<InvalidOperationException>(() => session.Append([1, 0], [4, 4], logits)).Message);
        Assert.Contains("do not fit 3", Assert.Throws<InvalidOperationException>(() => session.Prefill(1, [1, 2, 3, 4], logits)).Message);

        session.Prefill(1, [1, 2, 3], expected);
        session.Reset(0);
        session.Prefill(0, [1, 2, 3], logits);
        Assert.Equal(expected, logits[..11]);
    }

    [Fact]
    public void Wrong_arguments_are_refused_by_name()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        using var session = new KernelDecodingSession(network, 2, 5);
        float[] logits = new float[22];
        Assert.Contains("0 to 10", Assert.Throws<ArgumentOutOfRangeException>(() => session.Append([0], [11], logits)).Message);
        Assert.Contains("0 to 10", Assert.Throws<ArgumentOutOfRangeException>(() => session.Prefill(0, [-1], logits)).Message);
        Assert.Contains("2 streams", Assert.Throws<ArgumentOutOfRangeException>(() => session.Append([2], [1], logits)).Message);
        Assert.Contains("named twice", Assert.Throws<ArgumentException>(() => session.Append([1, 1], [1, 1], logits)).Message);
        Assert.Contains("1 tokens", Assert.Throws<ArgumentException>(() => session.Append([0, 1], [1], logits)).Message);
        Assert.Contains("2 × 11", Assert.Throws<ArgumentException>(() => session.Append([0, 1], [1, 1], logits.AsSpan(1))).Message);
        Assert.Contains("No tokens", Assert.Throws<ArgumentException>(() => session.Prefill(0, [], logits)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new KernelDecodingSession(network, 1, 13));
        session.Append([0, 1], [1, 1], logits);
        Assert.Equal(logits[..11], logits[11..]);
    }

    [Fact]
    public void Parameters_of_another_type_are_refused_by_name()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        Assert.True(KernelDecodingSession.CanDecode(network));
        network.to(torch.ScalarType.BFloat16);
        Assert.False(KernelDecodingSession.CanDecode(network));
        Assert.Contains("'tokens.weight' is", Assert.Throws<ArgumentException>(() => new KernelDecodingSession(network, 1, 5)).Message);
    }

    [Fact]
    public void A_network_with_an_adapter_is_refused_by_name_and_decoded_with_it_by_libtorch()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        double[][] plain = LanguageModelNetworkTests.Logits(network, TinyLanguageModels.Tokens);
        network.Blocks[1].QueriesKeysValues.Attach(new TestAdapter(16, 16), LayerPart.Value);
        Assert.False(KernelDecodingSession.CanDecode(network));
        Assert.Contains(
            "'blocks.1.queriesKeysValues' has an adapter",
            Assert.Throws<NotSupportedException>(() => new KernelDecodingSession(network, 1, 5)).Message);

        using IDecodingSession session = LanguageModelSessions.Open(network, 1, 12, torch.CPU);
        AssertDecodes(network, session);
        Assert.NotEqual(plain, LanguageModelNetworkTests.Logits(network, TinyLanguageModels.Tokens));

        network.Blocks[1].QueriesKeysValues.MergeAdapters();
        using var kernels = new KernelDecodingSession(network, 1, 12);
        AssertDecodes(network, kernels);
    }

    [Fact]
    public void A_network_with_a_weight_of_another_kind_is_refused_by_name_and_decoded_by_libtorch()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["gpt without biases, untied"]);
        foreach (Linear layer in (Linear[])[network.Head, network.Blocks[0].FeedForwardIn])
            layer.Weight = TestInt8Weight.Of(layer.Weight.Dense());
        Assert.Contains(
            "the weight of 'head' is int8", Assert.Throws<NotSupportedException>(() => new KernelDecodingSession(network, 1, 5)).Message);
        using IDecodingSession session = LanguageModelSessions.Open(network, 1, 12, torch.CPU);
        AssertDecodes(network, session);
    }

    private static void AssertDecodes(LanguageModelNetwork network, IDecodingSession session)
    {
        float[] logits = new float[session.VocabularySize];
        session.Prefill(0, TinyLanguageModels.Tokens, logits);
        AssertClose([LanguageModelNetworkTests.Logits(network, TinyLanguageModels.Tokens)[^1]], [logits]);
    }

    [Fact]
    public void What_the_network_learns_is_seen_and_its_memory_stays()
    {
        LanguageModelArchitecture architecture = TinyLanguageModels.All["gpt, exact gelu"];
        LanguageModelNetwork network = TinyLanguageModels.Create(architecture);
        using var session = new KernelDecodingSession(network, 1, 5);
        using (torch.no_grad())
            network.get_parameter("norm.bias")!.add_(1);
        double[][] expected = new ReferenceDecoder(architecture, ModuleWeights.Of(network)).Logits([1, 2]);
        network.Dispose();
        AssertClose(expected, TokenByToken(session, 0, [1, 2]));
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(_large);
        using var session = new KernelDecodingSession(network, 2, 300, threads: 2);
        float[] logits = new float[2 * _large.VocabularySize];
        // What is made once may be made in the first round, and the runtime may make something of its own in another.
        Assert.Contains(0, (long[])[Allocated(), Allocated(), Allocated()]);

        long Allocated()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++)
                session.Append([0, 1], [1, 2], logits);
            session.Prefill(1, _longText.AsSpan(0, 80), logits);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    private static float[][] TokenByToken(KernelDecodingSession session, int stream, int[] tokens)
    {
        return [.. tokens.Select(token =>
        {
            float[] logits = new float[session.VocabularySize];
            session.Append([stream], [token], logits);
            return logits;
        })];
    }

    private static void AssertClose(double[][] expected, float[][] found)
    {
        Assert.Equal(expected.Length, found.Length);
        foreach ((double[] e, float[] f) in expected.Zip(found))
        {
            Assert.Equal(e.Length, f.Length);
            double size = e.Max(Math.Abs);
            for (int i = 0; i < e.Length; i++)
                Assert.True(Math.Abs(e[i] - f[i]) <= 1e-5 * size, $"expected {e[i]}, found {f[i]}");
        }
    }
}
