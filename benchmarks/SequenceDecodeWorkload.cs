using System.Diagnostics;
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
        var decoding = new GreedyDecoding(streams, architecture.VocabularySize, Length);

        var encodings = new List<double>();
        SourceStates source = Encode();
        foreach (IDecodingSession session in (IDecodingSession[])[kernels, tensors])
        {
            for (int stream = 0; stream < streams; stream++)
                session.SetSource(stream, source);
            decoding.Run(session);
        }

        List<double> kernelRates = [], tensorRates = [];
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed.TotalSeconds < settings.Seconds || kernelRates.Count < 3)
        {
            Encode();
            kernelRates.Add(streams * Length / decoding.Run(kernels));
            tensorRates.Add(streams * Length / decoding.Run(tensors));
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
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
