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
        return [.. network.Attention(Input(tokens)).Select(AttentionWeights.Copy)];
    }

    /// <summary>The tokens of a text that is to be embedded.</summary>
    /// <exception cref="ArgumentException">
    /// The text is empty and no token begins a text, has characters that the tokenizer lacks, or is longer than the context.
    /// </exception>
    public int[] Encode(string text)
    {
        int[] tokens = codec.EncodeWhole(text);
        return tokens.Length <= contextLength ? tokens : throw new ArgumentException(
            $"The text has {tokens.Length} tokens; the model's context has {contextLength}. Split it into parts.");
    }

    /// <summary>The mean of the last hidden states over a text's tokens.</summary>
    public float[] Embed(int[] text)
    {
        using IDisposable use = engine.Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return FiniteValues.ToArray(Embed([text]), "The embedding");
    }

    /// <summary>The mean of the last hidden states over the tokens of each text, [texts, width].</summary>
    /// <param name="texts">Their tokens. No position attends to those behind it, so that padding at the end changes nothing.</param>
    public torch.Tensor Embed(IReadOnlyList<int[]> texts)
    {
        (torch.Tensor sequences, torch.Tensor last) = TokenRows.Pad(texts, device);
        torch.Tensor lengths = last.unsqueeze(1).Plus(1); // [texts, 1]
        torch.Tensor isText = TensorFactory.Range(sequences.size(1), device: device).unsqueeze(0) < lengths; // [texts, time]
        torch.Tensor hidden = network.Hidden(sequences); // [texts, time, width]
        return (hidden * isText.unsqueeze(2).to(hidden.dtype)).sum(1) / lengths.to(hidden.dtype);
    }

    /// <summary>The same for each of several texts.</summary>
    public float[][] Embed(IReadOnlyList<int[]> texts, CancellationToken cancellation) => [.. texts.Select(text =>
    {
        cancellation.ThrowIfCancellationRequested();
        return Embed(text);
    })];

    /// <inheritdoc cref="Training.IBaseModel.RunExample"/>
    public void RunExample(int rows, int tokens) =>
        network.Logits(torch.zeros([rows, Math.Min(tokens, contextLength)], torch.int64, device));

    // [1, time]
    private torch.Tensor Input(int[] tokens) =>
        torch.tensor(Array.ConvertAll(tokens, t => (long)t), [1, tokens.Length], device: device);
}
