namespace Microsoft.ML.Generative.Tool;

/// <summary>What a model can be written as.</summary>
internal enum ModelForm
{
    /// <summary>A model file of ML.NET.</summary>
    Zip,

    /// <summary>A folder in a layout of Hugging Face.</summary>
    Folder,

    /// <summary>A file of llama.cpp.</summary>
    Gguf,

    /// <summary>ONNX: a file, or a folder where there are several.</summary>
    Onnx,
}
