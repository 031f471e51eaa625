using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Onnx.Models;

/// <summary>Networks of texts as folders: a file for each, and the tokenizer.</summary>
internal static class TextModelFolder
{
    public const string ModelName = "model.onnx";
    public const string EncoderName = "encoder_model.onnx";
    public const string DecoderName = "decoder_model.onnx";

    /// <exception cref="NotSupportedException">The tokenizer cannot be saved; nothing has been written then.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public static void Write(string path, Tokenizer tokenizer, params (string Name, OnnxGraph Graph)[] networks)
    {
        IReadOnlyDictionary<string, byte[]> files = TokenizerFiles.Save(tokenizer);
        HuggingFaceFolder folder = HuggingFaceFolder.Create(path, "ONNX");
        foreach ((string name, OnnxGraph graph) in networks)
            OnnxModelFile.Write(folder.PathOf(name), graph);
        foreach ((string name, byte[] bytes) in files)
            folder.WriteFile(name, bytes);
    }
}
