using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Onnx.Models;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative;

/// <summary>Writes models as ONNX files, which run without libtorch: in ONNX Runtime, in browsers and on phones.</summary>
/// <remarks>
/// The files have operations of version 21 (ONNX Runtime 1.18 and later) and Single values; the first dimension of each input and output,
/// <c>batch</c>, is open. Weights of more than 2 GiB stand in a second file, <c>path.data</c>, which has to stay beside the first. A file
/// is complete or not there. The names of classes are in the file's metadata, <c>class_names</c>, as a JSON array.
/// </remarks>
public static class OnnxExportExtensions
{
    /// <summary>Writes a classifier.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="path">The file.</param>
    /// <remarks>
    /// Input: the model's input column, [batch, channels, height, width], values in 0..1. Outputs: its score column, [batch, classes], the
    /// probability of each class; and its column of features, [batch, features], if it has one.
    /// </remarks>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// ImageClassifierTransformer model = mlContext.Transforms.Generative().ImageClassifier("Label", "Image").Fit(data);
    /// model.ExportOnnx("classifier.onnx");
    /// </code>
    /// </example>
    public static void ExportOnnx(this ImageClassifierTransformer model, string path) => Export(model, path, ImageClassifierGraph.Of);

    /// <summary>Writes the encoder of a variational autoencoder.</summary>
    /// <param name="model">The autoencoder.</param>
    /// <param name="path">The file.</param>
    /// <remarks>
    /// Inputs: the model's input column, [batch, ..row shape], and of a model with labels its label column, [batch] Int64 from 0. Outputs:
    /// its latent column, the mean of q(z|x), and <c>LogVariance</c>, the logarithm of its variance, [batch, latent] each.
    /// </remarks>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
    /// model.ExportEncoderOnnx("encoder.onnx");
    /// model.ExportDecoderOnnx("decoder.onnx");
    /// </code>
    /// </example>
    public static void ExportEncoderOnnx(this VaeTransformer model, string path) => Export(model, path, VaeGraph.Encoder);

    /// <summary>Writes the decoder of a variational autoencoder.</summary>
    /// <param name="model">The autoencoder.</param>
    /// <param name="path">The file.</param>
    /// <remarks>
    /// Inputs: the model's latent column, [batch, latent], and of a model with labels its label column, [batch] Int64 from 0. Output: its
    /// reconstruction column, [batch, ..row shape], the mean of p(x|z).
    /// </remarks>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
    /// model.ExportDecoderOnnx("decoder.onnx");
    /// </code>
    /// </example>
    public static void ExportDecoderOnnx(this VaeTransformer model, string path) => Export(model, path, VaeGraph.Decoder);

    /// <summary>Writes the generator of an adversarial network.</summary>
    /// <param name="model">The generator.</param>
    /// <param name="path">The file.</param>
    /// <remarks>
    /// Inputs: <c>Latent</c>, z of N(0, 1), [batch, latent], and of a model with labels its label column, [batch] Int64 from 0. Output: its
    /// generated column, [batch, ..row shape]; images are in 0..1.
    /// </remarks>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// GanTransformer model = mlContext.Transforms.Generative().Gan("Image").Fit(data);
    /// model.ExportOnnx("generator.onnx");
    /// </code>
    /// </example>
    public static void ExportOnnx(this GanTransformer model, string path) => Export(model, path, GeneratorGraph.Of);

    /// <summary>Writes a normalizing flow in the direction that scores rows.</summary>
    /// <param name="model">The flow.</param>
    /// <param name="path">The file.</param>
    /// <remarks>
    /// Inputs: the model's input column, [batch, ..row shape], bytes as 0..1, and of a model with labels its label column, [batch] Int64
    /// from 0. Outputs: its latent column, [batch, values], and its column of −log p(x), [batch].
    /// </remarks>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// FlowTransformer model = mlContext.Transforms.Generative().Flow("Image").Fit(data);
    /// model.ExportEncoderOnnx("density.onnx");
    /// model.ExportDecoderOnnx("generator.onnx");
    /// </code>
    /// </example>
    public static void ExportEncoderOnnx(this FlowTransformer model, string path) => Export(model, path, FlowGraph.Encoder);

    /// <summary>Writes a normalizing flow in the direction that generates rows.</summary>
    /// <param name="model">The flow.</param>
    /// <param name="path">The file.</param>
    /// <remarks>
    /// Inputs: the model's latent column, z of N(0, 1), [batch, values], and of a model with labels its label column, [batch] Int64 from 0.
    /// Output: <c>Generated</c>, [batch, ..row shape], bytes as 0..1.
    /// </remarks>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// FlowTransformer model = mlContext.Transforms.Generative().Flow("Image").Fit(data);
    /// model.ExportDecoderOnnx("generator.onnx");
    /// </code>
    /// </example>
    public static void ExportDecoderOnnx(this FlowTransformer model, string path) => Export(model, path, FlowGraph.Decoder);

    /// <summary>Writes the U-Net of a diffusion model: one step of a sampler needs it once.</summary>
    /// <param name="model">The model; its active adapter, if there is one, has to be merged first.</param>
    /// <param name="path">The file.</param>
    /// <remarks>
    /// Inputs, with diffusers' names: <c>sample</c>, noisy images in −1..1, [batch, channels, height, width]; <c>timestep</c>, [batch]
    /// Single; of a model with labels <c>class_labels</c>, [batch] Int64 from 0; of a model that enlarges images <c>condition_image</c>,
    /// the small image enlarged to the same size. Output: <c>out_sample</c>, what the network predicts.
    /// </remarks>
    /// <exception cref="NotSupportedException">The network is no U-Net, or has an adapter that is not merged.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// DiffusionTransformer model = mlContext.Transforms.Generative().Diffusion("Image").Fit(data);
    /// model.ExportOnnx("unet.onnx");
    /// </code>
    /// </example>
    public static void ExportOnnx(this DiffusionTransformer model, string path) => Export(model, path, UNetGraph.Of);

    /// <summary>
    /// Writes a language model as a folder that onnxruntime-genai reads: <c>model.onnx</c>, <c>genai_config.json</c> and the tokenizer.
    /// </summary>
    /// <param name="model">The model; its weights are dense, and its active adapter, if there is one, has to be merged first.</param>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier model are replaced.</param>
    /// <remarks>
    /// Inputs of the network: <c>input_ids</c> and <c>position_ids</c>, [batch, tokens], <c>attention_mask</c>, [batch, cached and new
    /// tokens], 0 for padding, all Int64; and <c>past_key_values.n.key</c> and <c>.value</c>, [batch, key heads, cached tokens, head size].
    /// Outputs: <c>logits</c>, [batch, tokens, vocabulary], and <c>present.n.key</c> and <c>.value</c>, the cache with the new tokens.
    /// </remarks>
    /// <exception cref="NotSupportedException">
    /// The weights are quantized, an adapter is not merged, or the tokenizer cannot be saved; nothing has been written then.
    /// </exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
    /// model.ExportOnnx("models/SmolLM2-135M-onnx");
    /// </code>
    /// </example>
    public static void ExportOnnx(this LanguageModelTransformer model, string folder)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = ((IBaseModel)model).Use();
        GenAiFolder.Write(folder, model);
    }

    /// <summary>Writes an encoder of sentences as a folder: <c>model.onnx</c> and the tokenizer.</summary>
    /// <param name="model">The model; its adapter, if there is one, has to be merged first.</param>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier model are replaced.</param>
    /// <remarks>
    /// Inputs, with optimum's names, [batch, tokens] Int64 each: <c>input_ids</c>, the tokens with those round a text;
    /// <c>attention_mask</c>, 0 for padding; of a model with more than one kind of segments <c>token_type_ids</c>. Outputs:
    /// <c>token_embeddings</c>, [batch, tokens, size], and <c>sentence_embedding</c>, [batch, size], pooled and normalized as the model
    /// does it.
    /// </remarks>
    /// <exception cref="NotSupportedException">
    /// An adapter is not merged, or the tokenizer cannot be saved; nothing has been written then.
    /// </exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// SentenceEmbeddingTransformer encoder = mlContext.Generative().LoadPretrainedEncoder("models/all-MiniLM-L6-v2");
    /// encoder.ExportOnnx("models/all-MiniLM-L6-v2-onnx");
    /// </code>
    /// </example>
    public static void ExportOnnx(this SentenceEmbeddingTransformer model, string folder) =>
        ExportText(model, folder, encoder => [(TextModelFolder.ModelName, EncoderGraph.Of(encoder))]);

    /// <summary>Writes a classifier of texts as a folder: <c>model.onnx</c> and the tokenizer.</summary>
    /// <inheritdoc cref="ExportOnnx(SentenceEmbeddingTransformer, string)" path="/param"/>
    /// <remarks>
    /// Inputs: as those of an encoder of sentences. Output: <c>logits</c>, [batch, classes]; the model's scores are their softmax.
    /// </remarks>
    /// <inheritdoc cref="ExportOnnx(SentenceEmbeddingTransformer, string)" path="/exception"/>
    /// <example>
    /// <code>
    /// TextClassificationTransformer model = mlContext.Transforms.Generative().TextClassification("Label", "Text").Fit(data);
    /// model.ExportOnnx("models/topics-onnx");
    /// </code>
    /// </example>
    public static void ExportOnnx(this TextClassificationTransformer model, string folder) =>
        ExportText(model, folder, classifier => [(TextModelFolder.ModelName, EncoderGraph.Of(classifier))]);

    /// <summary>Writes a masked language model as a folder: <c>model.onnx</c> and the tokenizer.</summary>
    /// <inheritdoc cref="ExportOnnx(SentenceEmbeddingTransformer, string)" path="/param"/>
    /// <remarks>
    /// Inputs: as those of an encoder of sentences. Output: <c>logits</c>, [batch, tokens, vocabulary], of the token in each place.
    /// </remarks>
    /// <inheritdoc cref="ExportOnnx(SentenceEmbeddingTransformer, string)" path="/exception"/>
    /// <example>
    /// <code>
    /// MaskedLanguageModelTransformer model = mlContext.Generative().LoadPretrainedMaskedLanguageModel("models/bert-base-uncased");
    /// model.ExportOnnx("models/bert-base-uncased-onnx");
    /// </code>
    /// </example>
    public static void ExportOnnx(this MaskedLanguageModelTransformer model, string folder) =>
        ExportText(model, folder, masked => [(TextModelFolder.ModelName, EncoderGraph.Of(masked))]);

    /// <summary>
    /// Writes an encoder–decoder as a folder: <c>encoder_model.onnx</c>, <c>decoder_model.onnx</c> and the tokenizer.
    /// </summary>
    /// <param name="model">The model; its weights are dense, and its active adapter, if there is one, has to be merged first.</param>
    /// <param name="folder">The folder; it is created if it does not exist, and files of an earlier model are replaced.</param>
    /// <remarks>
    /// The names are optimum's, tokens and masks Int64. Inputs of the encoder: <c>input_ids</c> and <c>attention_mask</c>, 0 for padding,
    /// [batch, source]; output: <c>last_hidden_state</c>, [batch, source, size]. Inputs of the decoder: <c>encoder_hidden_states</c>, that
    /// output; <c>encoder_attention_mask</c>, [batch, source]; <c>input_ids</c>, [batch, tokens], the output so far behind
    /// <see cref="SequenceToSequenceTransformer.StartTokenId"/>; output: <c>logits</c>, [batch, tokens, vocabulary]. There is no cache.
    /// </remarks>
    /// <exception cref="NotSupportedException">
    /// The weights are quantized, an adapter is not merged, or the tokenizer cannot be saved; nothing has been written then.
    /// </exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed of.</exception>
    /// <example>
    /// <code>
    /// SequenceToSequenceTransformer model = mlContext.Generative().LoadPretrainedSequenceToSequence("models/flan-t5-small");
    /// model.ExportOnnx("models/flan-t5-small-onnx");
    /// </code>
    /// </example>
    public static void ExportOnnx(this SequenceToSequenceTransformer model, string folder)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = ((IBaseModel)model).Use();
        TextModelFolder.Write(
            folder, model.Codec.Tokenizer, (TextModelFolder.EncoderName, SequenceToSequenceGraph.Encoder(model.Network)),
            (TextModelFolder.DecoderName, SequenceToSequenceGraph.Decoder(model.Network)));
    }

    private static void ExportText<TModel>(TModel model, string folder, Func<TModel, (string, OnnxGraph)[]> networksOf)
        where TModel : EncoderTransformer
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        using IDisposable use = ((IBaseModel)model).Use();
        TextModelFolder.Write(folder, model.Tokenizer, networksOf(model));
    }

    private static void Export<TModel>(TModel model, string path, Func<TModel, OnnxGraph> graphOf)
        where TModel : IBaseModel
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        using IDisposable use = model.Use();
        OnnxModelFile.Write(path, graphOf(model));
    }
}
