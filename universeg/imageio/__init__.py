"""Read images and masks of every format, and write results in the frame of an image.

formats.py   the table of formats, and the one place where a failure becomes an ImageError
image.py     an image as its file stores it (RawImage), and upright (LoadedImage)
nifti.py  dicom.py  itk.py  raster.py  stack.py    one reader each; heavy libraries load when a file is read
dicom_frame.py  segments.py    one frame of a DICOM file; the frames of a segmentation object as a label map
not_an_image.py    web pages, pointers and empty files, told by their first bytes
inflate.py  library_warnings.py    gzip within a limit; what libraries print becomes notes
masks.py     what the numbers of a mask file mean
load.py      what prediction reads: grey images and label maps
write.py     masks and probabilities
"""
