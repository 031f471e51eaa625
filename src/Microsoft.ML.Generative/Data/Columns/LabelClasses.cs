namespace Microsoft.ML.Generative.Data.Columns;

/// <summary>The classes of a label column.</summary>
/// <param name="Count">Their number; 0 where there is no column.</param>
/// <param name="Labels">What they stand for; <see langword="null"/> for keys that stand for nothing.</param>
internal readonly record struct LabelClasses(int Count, ClassLabels? Labels);
