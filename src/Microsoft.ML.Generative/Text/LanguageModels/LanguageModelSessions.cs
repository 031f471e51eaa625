using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Opens decoding sessions of decoders.</summary>
internal static class LanguageModelSessions
{
    // The number of threads changes no text.
    public static IDecodingSession Open(DecoderStack network, int streams, int contextLength, torch.Device device) =>
        DecoderKernels.CanRead(network)
            ? new KernelDecodingSession(network, streams, contextLength, torch.get_num_threads())
            : new TorchDecodingSession(network, streams, contextLength, device);
}
