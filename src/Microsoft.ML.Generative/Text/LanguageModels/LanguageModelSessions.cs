using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.Decoding.Scheduling;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Opens decoding sessions of decoders.</summary>
internal static class LanguageModelSessions
{
    // Of the memory that the process may use, what keys and values of concurrent calls may take.
    private const int PartOfMemory = 4;

    /// <summary>What generates the texts of concurrent calls together; null where a text could depend on the others.</summary>
    public static DecodingScheduler? Schedule(LanguageModelNetwork network, int contextLength, torch.Device device) =>
        DecoderKernels.CanRead(network)
            ? new DecodingScheduler(
                contextLength, streams => Open(network, streams, contextLength, device), MemoryLimit.Bytes / PartOfMemory)
            : null;

    // The number of threads changes no text.
    public static IDecodingSession Open(DecoderStack network, int streams, int contextLength, torch.Device device) =>
        DecoderKernels.CanRead(network)
            ? new KernelDecodingSession(network, streams, contextLength, torch.get_num_threads())
            : new TorchDecodingSession(network, streams, contextLength, device);
}
