using System.Diagnostics;
using System.Numerics.Tensors;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using TorchSharp;

namespace Microsoft.ML.Generative.Benchmarks;

/// <summary>
/// Tokens per second of an encoder–decoder on the CPU: random weights in the shape of T5 small, a source of 100 tokens, greedy, 64 tokens,
/// over and over; by the kernels and, in turns, by tensor operations.
/// </summary>
internal static class SequenceDecodeWorkload
{
    private const int SourceLength = 100;
    private const int Length = 64;

    public static object Run(BenchmarkSettings settings) => Run("t5-decode", settings, 1);

    /// <summary>The same with 16 streams.</summary>
    public static object RunBatch(BenchmarkSettings settings) => Run("t5-decode-batch", settings, 16);

    private static object Run(string name, BenchmarkSettings settings, int streams)
    {
        TorchRuntime.EnsureLoaded();
        int threads = settings.Threads ?? 1;
        torch.set_num_threads(threads);
        SequenceToSequenceArchitecture architecture = SequenceToSequenceArchitecture.T5Small;
        using SequenceToSequenceNetwork network = TorchSeed.Initialize(1, () => new SequenceToSequenceNetwork(architecture));
        network.eval();
        using var kernels = new KernelDecodingSession(network.Decoder, streams, Length, threads);
        using var tensors = new TorchDecodingSession(network.Decoder, streams, Length, torch.CPU);
        int vocabulary = architecture.VocabularySize;
        float[] logits = new float[streams * vocabulary];
        int[] all = [.. Enumerable.Range(0, streams)], tokens = new int[streams];

        var encodings = new List<double>();
        SourceStates source = Encode();
        foreach (IDecodingSession session in (IDecodingSession[])[kernels, tensors])
        {
            foreach (int stream in all)
                session.SetSource(stream, source);
            Decode(session);
        }

        List<double> kernelRates = [], tensorRates = [];
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed.TotalSeconds < settings.Seconds || kernelRates.Count < 3)
        {
            Encode();
            kernelRates.Add(streams * Length / Decode(kernels));
            tensorRates.Add(streams * Length / Decode(tensors));
        }

        return new
        {
            workload = name,
            parameters = architecture.CountParameters(),
            streams,
            threads,
            tokens_per_s = Math.Round(Median(kernelRates)),
            best_tokens_per_s = Math.Round(kernelRates.Max()),
            tensor_tokens_per_s = Math.Round(Median(tensorRates)),
            source_tokens_per_s = Math.Round(SourceLength / Median(encodings)),
        };

        SourceStates Encode()
        {
            using IDisposable noGradient = torch.no_grad();
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor ids = TensorFactory.Range(SourceLength).unsqueeze(0); // [1, length]
            long start = Stopwatch.GetTimestamp();
            float[] states = TensorMemory.ToArray<float>(network.Encode(ids, null).States.contiguous());
            encodings.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            return new SourceStates(states, SourceLength);
        }

        double Decode(IDecodingSession session)
        {
            foreach (int stream in all)
                session.Reset(stream);
            Array.Copy(all, tokens, streams);
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Length; i++)
            {
                session.Append(all, tokens, logits);
                for (int stream = 0; stream < streams; stream++)
                    tokens[stream] = TensorPrimitives.IndexOfMax(logits.AsSpan(stream * vocabulary, vocabulary));
            }

            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
