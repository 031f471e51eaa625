namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>The sizes of a 1×1 convolution.</summary>
/// <param name="Batch">Images.</param>
/// <param name="Inputs">Their channels.</param>
/// <param name="Outputs">The channels of the result.</param>
/// <param name="Pixels">Pixels of an image.</param>
/// <param name="FirstInputs">The channels that are in the first tensor of the images; the others are in the one beside it.</param>
internal readonly record struct PointwiseShape(int Batch, int Inputs, int Outputs, int Pixels, int FirstInputs);
