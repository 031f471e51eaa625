using Microsoft.ML.Generative.Interop;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Codec;
using TorchSharp;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Computes what happens inside of a network: attention and hidden states.</summary>
internal sealed class LanguageModelActivations(
    RowEngine engine, LanguageModelNetwork network, TextCodec codec, int contextLength, torch.Device device)
{
    /// <inheritdoc cref="LanguageModelTransformer.Attention"/>
    public IReadOnlyList<float[,,]> Attention(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        using IDisposable use = engine.Use();
        int[] tokens = codec.EncodePrompt(text);
        if (tokens.Length > contextLength)
            throw new ArgumentException($"The text has {tokens.Length} tokens; the model's context has {contextLength}.", nameof(text));

        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return [.. network.Attention(Input(tokens)).Select(Copy)];

        static float[,,] Copy(torch.Tensor attention)
        {
            var copy = new float[attention.size(1), attention.size(2), attention.size(3)];
            Buffer.BlockCopy(TensorMemory.ToArray<float>(attention.cpu()), 0, copy, 0, copy.Length * sizeof(float));
            return copy;
        }
    }

    /// <summary>The mean of the last hidden states over tokens.</summary>
    public float[] Embed(int[] tokens)
    {
        using IDisposable use = engine.Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return FiniteValues.ToArray(network.Hidden(Input(tokens)).mean([1]), "The embedding");
    }

    // [1, time]
    private torch.Tensor Input(int[] tokens) =>
        torch.tensor(Array.ConvertAll(tokens, t => (long)t), [1, tokens.Length], device: device);
}
