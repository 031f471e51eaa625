using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.LanguageModels.Chat;
using TorchSharp;

namespace Microsoft.ML.Generative;

public sealed partial class LanguageModelTransformer
{
    /// <summary>The model as a chat client of Microsoft.Extensions.AI.</summary>
    /// <param name="template">
    /// How conversations were written in the model's training. Default: what <see cref="LanguageModelOptions.ChatTemplate"/> said there; else the template in
    /// the model's folder, if it is one of those known; <see cref="ChatTemplate.Plain"/> for a model without.
    /// </param>
    /// <returns>A client that may be used from several threads. It does not own the model: dispose of that when all are done.</returns>
    /// <remarks>
    /// Instructions, temperature, top-p, top-k, maximum of tokens, stop sequences, seed, penalties and response format of <see cref="ChatOptions"/> are followed;
    /// what cannot be, such as tools, is refused. JSON, and JSON of a schema, is what <see cref="TextGenerationOptions.ResponseFormat"/> says.
    /// </remarks>
    /// <exception cref="NotSupportedException">The model's own template is not known.</exception>
    /// <example>
    /// <code>
    /// using Microsoft.Extensions.AI;
    ///
    /// var model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M-Instruct");
    /// IChatClient chat = model.AsChatClient();
    /// await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("What is the capital of France?"))
    ///     Console.Write(update.Text);
    /// </code>
    /// </example>
    public IChatClient AsChatClient(ChatTemplate? template = null)
    {
        using IDisposable use = _engine.Use();
        return new LanguageModelChatClient(this, template ?? Template);
    }

    /// <summary>The model as a generator of embeddings: the mean of its last hidden states over a text's tokens.</summary>
    /// <returns>
    /// A generator of vectors of <see cref="LanguageModelArchitecture.EmbeddingSize"/> values, which may be used from several threads and does not own the
    /// model. A text longer than the model's context is refused.
    /// </returns>
    public IEmbeddingGenerator<string, Embedding<float>> AsEmbeddingGenerator()
    {
        using IDisposable use = _engine.Use();
        return new LanguageModelEmbeddingGenerator(this);
    }

    internal ChatTemplate Template => _definition.Defaults.ChatTemplate ?? ChatTemplate.Of(Codec);

    internal TextGenerationOptions GenerationOptions => _definition.Defaults.Generation;

    internal float[] Embed(int[] tokens)
    {
        using IDisposable use = _engine.Use();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor input = torch.tensor(Array.ConvertAll(tokens, t => (long)t), [1, tokens.Length], device: _device);
        return TensorMemory.ToArray<float>(_network.Hidden(input).mean([1]).cpu());
    }
}
